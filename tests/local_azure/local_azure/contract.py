# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place where exchanges can be judged by Azure's official specifications; the judge is a package of its own."""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure_contract.record import Recorder, Violation
    from azure_contract.report import Route

    from .front.http import Response, Scope

#: Where the specifications are, next to the clone, for whoever has them.
USUAL_FOLDER = Path(__file__).parents[4] / "shared" / "azure-specs"


class ContractBroken(AssertionError):
    """Exchanges that the specifications do not allow."""

    def __init__(self, violations: list[Violation]) -> None:
        lines = list(dict.fromkeys(map(str, violations)))
        super().__init__(f"{len(lines)} violations of Azure's specifications:\n" + "\n".join(lines))


class Contract:
    """Has every exchange judged. `file` gets a line for each violation; without it the first ones are raised.

    Requests that Azure refuses are its client's business: they are written down, but never raised.
    """

    def __init__(self, folder: Path, file: Path | None = None) -> None:
        self._raises = file is None
        self._recorder = _recorder_of(folder, file)

    def observe(self, scope: Scope, headers: dict[str, str], body: bytes, response: Response | None) -> None:
        """Judge one exchange; without `response` the request alone. `headers` and `body` are the request's.

        Raises ContractBroken if that is wanted.
        """
        from azure_contract.judge import Exchange

        given = response.headers if response else []
        found = self._recorder.note(
            Exchange(
                method=scope["method"],
                host=headers.get("host", ""),
                path=scope["raw_path"].decode("latin-1"),
                query=scope["query_string"].decode("latin-1"),
                request_headers=headers,
                request_body=body,
                status=response.status if response else 0,
                headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in given},
                body=response.body if response else b"",
            )
        )
        accepted = [one for one in found if not one.refused]
        if self._raises and accepted:
            raise ContractBroken(accepted)

    def close(self) -> None:
        """End the account of what was seen."""
        self._recorder.close()


def served() -> list[Route]:
    """Everything that the local Azure serves and a specification could describe."""
    from azure_contract.report import Route

    from .build import build
    from .core.settings import Settings
    from .keyvault.data.service import ROUTES

    azure = build(Settings())
    managed = [Route(plane="management", method=method, path=path) for method, path in azure.arm.served()]
    return managed + [Route(plane="vault", method=one.method, path=f"/{one.template}") for one in ROUTES]


def violations_in(file: Path) -> list[Violation]:
    """What a server has written down; it writes no file when it judges nothing."""
    from azure_contract import record

    return record.violations_in(file) if file.exists() else []


def require_kept(file: Path) -> None:
    """Raise ContractBroken if a server has written down more than requests it refused."""
    violations = [one for one in violations_in(file) if not one.refused]
    if violations:
        raise ContractBroken(violations)


@cache
def in_this_process() -> Contract | None:
    """The contract for an Azure without sockets; None where there are no specifications."""
    if not USUAL_FOLDER.is_dir():
        return None
    made = Contract(USUAL_FOLDER)
    atexit.register(made.close)
    return made


def _recorder_of(folder: Path, file: Path | None) -> Recorder:
    from azure_contract.record import Recorder

    return Recorder(folder, file)
