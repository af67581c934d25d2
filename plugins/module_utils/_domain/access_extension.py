# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMAccess extension of a VM as Azure describes it, and one as it shall be."""

from __future__ import annotations

from dataclasses import dataclass, field

PUBLISHER, HANDLER = "Microsoft.Compute", "VMAccessAgent"
DEFAULT_NAME = "enablevmaccess"
"""The name that the portal and the Azure CLI give it."""
VERSION = "2.4"

ENTRA_PUBLISHER, ENTRA_HANDLER = "Microsoft.Azure.ActiveDirectory", "AADLoginForWindows"

_UNSETTLED = ("creating", "updating", "deleting")


@dataclass(frozen=True, kw_only=True)
class AccessExtension:
    """An installed VMAccess extension. Azure allows one per VM, whatever its name.

    ``state`` is its provisioning state, ``version`` the one asked for, ``installed`` the one in the VM ("" when the
    agent does not report it). ``messages`` are the texts of the instance view's statuses and substatuses.
    """

    name: str
    state: str
    version: str
    tag: str | None
    installed: str = ""
    messages: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def settled(self) -> bool:
        """False while a write or its removal is under way."""
        return self.state.lower() not in _UNSETTLED

    @property
    def succeeded(self) -> bool:
        return self.state.lower() == "succeeded"


@dataclass(frozen=True, kw_only=True)
class InstalledExtensions:
    """``entra_login`` says whether people sign in to the VM with Entra accounts, by an extension of its own."""

    access: AccessExtension | None
    entra_login: bool = False


@dataclass(frozen=True, kw_only=True)
class WantedReset:
    """What is written: with ``user`` and ``password`` None, only the Remote Desktop configuration is reset."""

    name: str
    version: str
    tag: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tags: tuple[tuple[str, str], ...] = ()


def newer(one: str, other: str) -> str:
    """The newer of two handler versions such as ``2.4``; an older one can't be installed over a newer one."""
    return max(one, other, key=_parts)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
