# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that playbooks leave behind them, here and in the local Azure, searched for secrets."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
    from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Watched
    from ansible_collections.azvm.access.tests.integration.support.secrets_search import Secrets

_CREDENTIALS = ("env.sh", "principals")


def leaks(
    secrets: Secrets, *places: Path, azure: Azure, controller: Controller, runs: t.Sequence[Watched]
) -> list[str]:
    """Where there is something of ``secrets``: output, results, files, command lines, Azure's journal, log and state.

    ``places`` are searched, too. What people give themselves is not: inputs of runs, credentials in the environment.
    """
    left = [path for path in azure.home.path.iterdir() if path.name not in _CREDENTIALS]
    left += [controller.home, controller.temporary, *places]
    left += [path for one in runs for path in (one.run.output, one.run.errors, one.run.results)]
    seen = {
        "command lines": b"\n".join(one.command_lines for one in runs),
        "Azure's state": json.dumps(azure.state()).encode(),
    }
    return secrets.leaks(*left) + [
        f"{where}: {name}" for where, data in seen.items() for name in secrets.found_in(data)
    ]
