# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are there whole or not at all, and private from the first moment on."""

from __future__ import annotations

import os
import resource
import typing as t
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._files.whole import (
    PRIVATE,
    PUBLIC,
    destination,
    read_file,
    required_file,
    set_mode,
    write_file,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can grow beyond ``size`` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_file(path) is None
    write_file(path, b"content", mode=PUBLIC)
    found = read_file(path)
    assert found is not None
    assert (found.content, found.mode) == (b"content", PUBLIC)
    set_mode(path, PRIVATE)
    assert path.stat().st_mode & 0o777 == PRIVATE


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_file(tmp_path / "public", b"", mode=PUBLIC)
        os.umask(0)
        write_file(tmp_path / "private", b"", mode=PRIVATE)
    finally:
        os.umask(before)
    assert {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {
        "public": PUBLIC,
        "private": PRIVATE,
    }


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"old", mode=PRIVATE)
    with room_for(100), pytest.raises(InvalidInput) as caught:
        write_file(path, bytes(1000), mode=PRIVATE)
    assert caught.value.code == "FileNotWritable"
    assert str(path) in caught.value.message
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([number]) * 50_000 for number in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(write_file, path, content, mode=PRIVATE) for content in contents * 5]:
            done.result()
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        required_file(tmp_path / "none")
    assert caught.value.message == f"{tmp_path / 'none'} can't be read: it does not exist."


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_file(tmp_path)
    assert caught.value.code == "FileNotReadable"


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InvalidInput) as caught:
        destination(str(tmp_path / "a" / "file"), name="x")
    assert caught.value.code in {"FileNotWritable", "FolderNotFound"}
