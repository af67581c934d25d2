# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interpreter for modules that has the Azure SDKs loaded already, so that many runs cost little.

Ansible starts a process for each module, and each loads the SDKs: that is most of what a run costs. Here a process that
has loaded them waits, and forks for each module that Ansible starts. What the module is, gets and does stays the same:
the file that Ansible made is run with its own environment, folder and standard streams, in a process of its own. Only
the source in it is not compiled again where the same has been compiled here.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import traceback
import typing as t
import zipimport
from importlib import import_module
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, TracebackType

LIBRARIES = (
    "azure.identity",
    "azure.keyvault.certificates",
    "azure.keyvault.secrets",
    "azure.mgmt.compute.models",
    "azure.mgmt.keyvault.models",
    "azure.mgmt.network.models",
    "cryptography.hazmat.primitives.serialization.pkcs12",
)
NAME_LENGTH = 15
"""As much of a process's name as Linux keeps."""

_PLUGINS = Path(__file__).parents[3] / "plugins"
_HEAD = 4
_HANDLES = 1 << 16
_KILLED = 137

# What Ansible takes for Python. A module is in a file, or without one comes through a pipe; the rest is for Python.
_LAUNCHER = """#!{python} -IS
import json, os, socket, sys
if sys.argv[1:] and not os.path.basename(sys.argv[-1]).startswith("AnsiballZ_"):
    os.execv({python!r}, [sys.argv[0], *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as peer:
    peer.connect({address!r})
    job = json.dumps({{"script": "".join(sys.argv[1:]), "cwd": os.getcwd(), "env": dict(os.environ)}}).encode()
    socket.send_fds(peer, [len(job).to_bytes({head}, "big")], [0, 1, 2])
    peer.sendall(job)
    code = peer.recv(1)
os._exit(code[0] if code else {killed})
"""


class Preloaded:
    """Within its ``with`` block :attr:`python` starts modules in forks of a process that has loaded the libraries.

    Such a process has the first characters of ``mark``, a variable of its environment, for a name: see
    :data:`NAME_LENGTH`.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._folder = tempfile.TemporaryDirectory(prefix="preloaded-")
        self._pid = 0
        self._alive = -1

    @property
    def python(self) -> Path:
        """What to call Python: a program with this path starts modules here."""
        return Path(self._folder.name) / "bin" / "python"

    def __enter__(self) -> Preloaded:
        address = str(Path(self._folder.name) / "socket")
        self.python.parent.mkdir()
        text = _LAUNCHER.format(python=sys.executable, address=address, head=_HEAD, killed=_KILLED)
        self.python.write_text(text, encoding="utf-8")
        self.python.chmod(0o700)
        # Python looks beside its own name for the environment that it belongs to.
        (Path(self._folder.name) / "pyvenv.cfg").write_bytes((Path(sys.prefix) / "pyvenv.cfg").read_bytes())
        (Path(self._folder.name) / "lib").symlink_to(Path(sys.prefix) / "lib")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(256)
            parent, self._alive = os.pipe()
            code = f"from {__name__} import serve; serve({listener.fileno()}, {parent}, {self._mark!r})"
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            for inherited in (listener.fileno(), parent):
                os.set_inheritable(inherited, True)
            self._pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], environment, setsid=True)
            os.close(parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._alive)
        os.waitpid(self._pid, 0)
        self._folder.cleanup()


def serve(listening: int, parent: int, mark: str) -> None:
    """Fork for each module, until the other end of the pipe ``parent`` is closed, as when that process ends.

    What was forked ends with it.
    """
    for name in LIBRARIES:
        import_module(name)
    _compile_once()
    gc.freeze()  # what is shared with every fork is not to be looked through, and so copied, by each
    _Server(listening, parent, mark).run()


def _compile_once() -> None:
    """Compile what modules bring along in their archives, so that a fork that imports from one need not."""
    loader: t.Any = zipimport  # all source of an archive goes through one function of it, which has no public name
    compile_source = loader._compile_source
    compiled = {source: compile_source(name, source) for name, source in _sources()}

    def compiled_source(name: str, source: bytes) -> CodeType:
        return compiled.get(source) or t.cast("CodeType", compile_source(name, source))

    loader._compile_source = compiled_source


def _sources() -> Iterator[tuple[str, bytes]]:
    """The collection's modules and module_utils, and as much of Ansible's as its modules always bring along."""
    import_module("ansible.module_utils.basic")
    own = _PLUGINS.glob("module*/**/*.py")
    found = [
        getattr(module, "__file__", None) for name, module in sys.modules.items() if "ansible.module_utils." in name
    ]
    for path in (*map(str, own), *filter(None, found)):
        yield path, Path(path).read_bytes()


class _Server:
    def __init__(self, listening: int, parent: int, mark: str) -> None:
        self._parent = parent
        self._listener = socket.socket(fileno=listening)
        self._mark = mark
        self._selector = selectors.DefaultSelector()
        self._modules: dict[socket.socket, tuple[int, int]] = {}  # process id and its file descriptor, by connection

    def run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ, self._start)
        self._selector.register(self._parent, selectors.EVENT_READ, lambda: sys.exit(0))
        try:
            while True:
                for key, _events in self._selector.select():
                    key.data()
        finally:
            for pid, _handle in self._modules.values():
                os.kill(pid, signal.SIGKILL)

    def _start(self) -> None:
        peer, _address = self._listener.accept()
        head, streams, _flags, _peer = socket.recv_fds(peer, _HEAD, 3)
        size, sent = int.from_bytes(head, "big"), b""
        if len(head) == _HEAD and len(streams) == 3:
            with peer.makefile("rb") as incoming:
                sent = incoming.read(size)
        if sent and len(sent) == size:  # otherwise the launcher was killed on the way
            pid = os.fork()
            if not pid:
                self._become(json.loads(sent), streams)
            handle = os.pidfd_open(pid)
            self._modules[peer] = (pid, handle)
            self._selector.register(handle, selectors.EVENT_READ, lambda: self._ended(peer))
            self._selector.register(peer, selectors.EVENT_READ, lambda: self._abandoned(peer))
        for stream in streams:
            os.close(stream)

    def _ended(self, peer: socket.socket) -> None:
        """Tell the launcher how the module ended."""
        pid, handle = self._modules.pop(peer)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._selector.unregister(handle)
        if peer in self._selector.get_map():
            self._selector.unregister(peer)
        os.close(handle)
        with contextlib.suppress(OSError):
            peer.send(bytes([code if code >= 0 else 128 - code]))
        peer.close()

    def _abandoned(self, peer: socket.socket) -> None:
        """The launcher was killed: so is its module, unless it has ended at the same moment."""
        if peer in self._modules:
            os.kill(self._modules[peer][0], signal.SIGKILL)
            self._selector.unregister(peer)

    def _become(self, job: dict[str, t.Any], streams: list[int]) -> t.NoReturn:
        """Run the module in this new process, and end it."""
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, _HANDLES)
        environment = job["env"]
        Path("/proc/self/comm").write_text(environment.get(self._mark, "")[:NAME_LENGTH], encoding="ascii")
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(job["cwd"])
        tempfile.tempdir = None
        sys.argv = [job["script"]]
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
        code = 1
        try:
            if job["script"]:
                runpy.run_path(job["script"], run_name="__main__")
            else:
                exec(compile(sys.stdin.read(), "<stdin>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as Python
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:  # noqa: BLE001 - as Python itself ends
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
