# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small files where the module runs: read whole, and written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .._domain.errors import InvalidInput

if t.TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE = 0o600
PUBLIC = 0o644
_PRIVATE_FOLDER = 0o700

# What these modules read (settings, certificates, keys) is a few kilobytes; anything near this is something else.
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class FileContent:
    """``mode`` holds the permission bits."""

    content: bytes
    mode: int


def destination(dest: str, *, name: str, to_come: bool = False) -> Path:
    """The file that ``dest`` stands for: itself, or ``name`` in it when it is a folder. Links are followed.

    Raises :class:`InvalidInput` when the folder is not there or does not let us write. With ``to_come`` it may still
    have to be made; see :func:`existing_folder`.
    """
    try:
        path = Path(dest)
        if path.is_dir() or dest.endswith("/"):
            path /= name
        path = path.resolve()
        existing_folder(path.parent, to_come=to_come)
    except (OSError, RuntimeError, ValueError) as error:  # too long, links in a circle, a NUL
        raise _not_written(Path(dest), "that is not a possible path") from error
    return path


def existing_folder(folder: Path | str, *, to_come: bool = False) -> Path:
    """Raises :class:`InvalidInput` when ``folder`` is not there or does not let us write.

    With ``to_come`` it may still have to be made (:func:`make_folder`), and the one above it has to let us write.
    """
    path = Path(folder).resolve()
    there = next(each for each in (path, *path.parents) if each.exists()) if to_come else path
    if not there.is_dir():
        problem = "is not a folder" if there.exists() else "does not exist"
        raise InvalidInput(
            code="FolderNotFound",
            message=f"The folder {there} {problem}, so nothing can be written there.",
            hint="Make it first (ansible.builtin.file, state: directory), or name another one.",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise _not_written(there, "it is not writable for the user that runs the task")
    return path


def make_folder(folder: Path) -> None:
    """And what is missing above it, for its owner only. Raises :class:`InvalidInput`."""
    try:
        for each in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
            each.mkdir(_PRIVATE_FOLDER, exist_ok=True)
    except OSError as error:
        raise _not_written(folder, _reason(error)) from error


def read_file(path: Path) -> FileContent | None:
    """The file; None when there is none. Raises :class:`InvalidInput` when it can't be read."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                raise _not_read(path, "it is not a small ordinary file")
            return FileContent(content=file.read(_MAX_BYTES + 1), mode=stat.S_IMODE(status.st_mode))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_read(path, _reason(error)) from error


def required_file(path: Path) -> bytes:
    """The content of a file that has to be there. Raises :class:`InvalidInput`."""
    found = read_file(path)
    if found is None:
        raise _not_read(path, "it does not exist")
    return found.content


def write_file(path: Path, content: bytes, *, mode: int) -> None:
    """Put ``content`` in place in one step, with ``mode`` from the first moment on. Raises :class:`InvalidInput`."""
    try:
        with _beside(path) as temporary:
            with temporary.open("wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        raise _not_written(path, _reason(error)) from error


def set_mode(path: Path, mode: int) -> None:
    """Raises :class:`InvalidInput` for somebody else's file."""
    try:
        path.chmod(mode)
    except OSError as error:
        raise _not_written(path, _reason(error)) from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new file in the same folder, readable for its owner only, that is gone afterwards."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _not_read(path: Path, reason: str) -> InvalidInput:
    return InvalidInput(code="FileNotReadable", message=f"{path} can't be read: {reason}.")


def _not_written(path: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        code="FileNotWritable",
        message=f"{path} can't be written: {reason}.",
        hint="The module runs where the task is delegated to: check the folder and its rights there.",
    )
