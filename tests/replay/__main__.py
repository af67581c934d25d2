# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints how recorded traffic and the local Azure agree: `make replay`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from .player import Outcome, play
from .recordings import FOLDER, paths, read
from .scope import Scope


def main(arguments: list[str]) -> int:
    """Play all recordings of a folder (by default the one beside the project), or of the files given."""
    given = [Path(argument) for argument in arguments]
    files = [file for one in given for file in (paths(one) if one.is_dir() else [one])] if given else paths()
    if not files:
        print(f"replay: left out, there are no recordings in {FOLDER.parent.name}/{FOLDER.name} beside the project")
        return 0
    scope = Scope()
    failed = 0
    notes: Counter[str] = Counter()
    print(f"{'recording':<45}{'matched':>9}{'differing':>11}{'out of scope':>14}")
    for file in files:
        outcomes = list(play(read(file), scope))
        differing = [outcome for outcome in outcomes if outcome.differences]
        beyond = [outcome for outcome in outcomes if outcome.left_out is not None]
        matched = len(outcomes) - len(differing) - len(beyond)
        print(f"{file.stem:<45}{matched:>9}{len(differing):>11}{len(beyond):>14}")
        for outcome in differing:
            _print_differences(outcome)
        notes.update(f"out of scope: {outcome.exchange.operation}: {outcome.left_out}" for outcome in beyond)
        notes.update(f"matched but for: {reason}" for outcome in outcomes for reason in set(outcome.explained.values()))
        failed += len(differing)
    for note, times in sorted(notes.items()):
        print(f"{times:>4} {note}")
    print(f"{failed} exchanges differ without a reason on file")
    return 1 if failed else 0


def _print_differences(outcome: Outcome) -> None:
    print(f"  #{outcome.exchange.number} {outcome.exchange.operation}")
    for difference in outcome.differences:
        print(f"      {difference}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
