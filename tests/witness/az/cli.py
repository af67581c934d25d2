# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az CLI as people run it: a process for each command, and what it prints."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Az:
    """``program`` with an account of its own in ``folder``; ``variables`` are those of the local Azure's env.sh."""

    program: Path
    folder: Path
    variables: t.Mapping[str, str] = field(repr=False)

    def __call__(self, line: str, *words: str) -> t.Any:
        """What ``az LINE WORDS`` prints, taken from JSON; None when it prints nothing. It has to end well."""
        done = self.run(line, *words)
        assert done.returncode == 0, f"az {line}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, line: str, *words: str) -> str:
        """What ``az LINE WORDS`` says when it fails, which it has to."""
        done = self.run(line, *words)
        assert done.returncode != 0, f"az {line}: {done.stdout}"
        return done.stderr

    def run(self, line: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``az LINE WORDS``; the words of the line are told apart as by a shell."""
        return subprocess.run(
            [str(self.program), *shlex.split(line), *words],
            env={
                **self.variables,
                "PATH": os.defpath,
                "LC_ALL": "C.UTF-8",
                "HOME": str(self.folder),
                "AZURE_CONFIG_DIR": str(self.folder / "azure"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
