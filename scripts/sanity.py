"""ansible-test sanity for the clone, on a machine with nothing but Python, pip's package index and git."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ansible_test._internal.host_configs import NativePythonConfig
from ansible_test._internal.python_requirements import get_venv_packages

CLONE = Path(__file__).resolve().parents[1]
CACHE = CLONE / ".cache" / "sanity"
HOME = CACHE / "home"

# ansible-test makes its environments without pip and then runs a downloaded script; this one takes its place.
# ensurepip removes every PIP_* variable and points PIP_CONFIG_FILE nowhere, hence the copy of the environment.
GET_PIP = """\
import ensurepip, os, subprocess, sys
environment = dict(os.environ)
ensurepip.bootstrap()
arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *arguments], env=environment).returncode)
"""


def main(arguments: list[str]) -> int:
    """Run ansible-test sanity on a copy of the clone; its environments are kept in .cache for the next run."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    write_pip_script(version)
    write_pip_configuration()
    collection = copy_collection()
    environment = {
        "HOME": str(HOME),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), real_interpreters(), os.defpath]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = ["ansible-test", "sanity", "--local", "--python", version, "--color", "no", *arguments]
    return subprocess.run(command, cwd=collection, env=environment, check=False).returncode


def copy_collection() -> Path:
    """Copy what git would commit to a path that ends the way ansible-test asks for."""
    collection = CACHE / "ansible_collections" / "azvm" / "access"
    shutil.rmtree(collection, ignore_errors=True)
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CLONE,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listing.stdout.decode().split("\0")):
        source, target = CLONE / name, collection / name
        if source.is_file():  # a deleted file is still listed until the deletion is committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    # A repository of its own: otherwise ansible-test asks the clone's, which ignores .cache.
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "sanity", collection], check=True)
    return collection


def write_pip_script(version: str) -> None:
    """Put the script where ansible-test looks for the download of the pip version that it wants."""
    pip_version = get_venv_packages(NativePythonConfig(version=version, path=sys.executable))["pip"]
    script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{pip_version.replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP)


def write_pip_configuration() -> None:
    """Carry the caller's pip settings over: ansible-test passes on no PIP_* variable, and HOME is another one."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    )
    # Lines such as global.cert='...' and :env:.cert='...'; what the environment says wins.
    lines = sorted(listing.stdout.splitlines(), key=lambda line: line.startswith(":env:"))
    # For pip, "no" switches an option on that begins with no. What is imported is compiled then.
    settings = {"progress-bar": "off", "quiet": "2", "no-compile": "no"}
    for line in lines:
        name, _equals, value = line.partition("=")
        settings[name.rpartition(".")[2]] = " ".join(str(ast.literal_eval(value)).split())
    target = HOME / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))


def real_interpreters() -> str:
    """Return the folder of the interpreter behind .venv; a version manager's shim would not run with another HOME."""
    return str(Path(sys.base_prefix) / "bin")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
