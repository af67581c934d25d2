# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account in a .rdp file: how Windows wants it written, and which ways of writing it end in an error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .errors import InvalidInput
from .server_name import parse_ip

_NOT_THERE = (
    "signing in ends with 'An authentication error has occurred. The Local Security Authority cannot be contacted'"
)


class AccountType(str, Enum):
    """Where an account is known."""

    AUTO = "auto"
    LOCAL = "local"
    DOMAIN = "domain"
    ENTRA = "entra"


@dataclass(frozen=True, kw_only=True)
class Account:
    """``username`` as it stands in the file; None to let people type it. ``entra`` asks for a sign-in with Entra ID."""

    username: str | None
    entra: bool = False
    warnings: tuple[str, ...] = ()


def written_account(username: str | None, kind: AccountType, *, computer_name: str | None) -> Account:
    """How ``username`` has to stand in the file for a VM that Windows calls ``computer_name`` (None: not known).

    Raises :class:`InvalidInput` for a name that can't be of that kind. A local account is written
    ``COMPUTER\\user``: without the first part, the client may take its own domain.
    """
    entra = kind is AccountType.ENTRA
    if not username:
        return Account(username=None, entra=entra)
    parts = _Parts.of(username)
    if entra:
        return _entra(username, parts)
    if kind is AccountType.DOMAIN:
        return _domain(username, parts)
    if parts.is_upn and kind is AccountType.AUTO:
        return Account(username=username)
    if parts.is_upn:
        raise _invalid(username, "is not a local account: those have no @", "Leave account_type out, or set entra.")
    if parts.authority in (None, "."):
        return Account(username=f"{computer_name}\\{parts.name}" if computer_name else username)
    return _of_named_machine(username, parts, kind, computer_name)


def warn_of_entra_address(address: str, *, computer_name: str | None) -> tuple[str, ...]:
    """Warnings about an ``address`` for a sign-in with Entra ID, which looks the VM up by the name connected to.

    Source: Microsoft, "Connect to remote Microsoft Entra joined device": an IP address can't be used, and the name
    must be the host name of the device in Entra ID.
    """
    if parse_ip(address) is None and (computer_name is None or _same(address.partition(".")[0], computer_name)):
        return ()
    name = f", {computer_name}," if computer_name else ""
    warning = (
        f"Entra ID finds the VM by its host name{name} while the file connects to {address}: set address to a name"
        " whose first part is the VM's host name and that clients can resolve."
    )
    return (warning,)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    authority: str | None
    name: str

    @classmethod
    def of(cls, username: str) -> _Parts:
        authority, separator, name = username.rpartition("\\")
        if not name or "\\" in authority or (separator and not authority):
            raise _invalid(username, "is not an account", "Write user, COMPUTER\\user, DOMAIN\\user or user@domain.")
        return cls(authority=authority if separator else None, name=name)

    @property
    def is_upn(self) -> bool:
        local, at, domain = self.name.partition("@")
        return bool(local and at and domain) and (self.authority is None or _same(self.authority, "AzureAD"))


def _entra(username: str, parts: _Parts) -> Account:
    if not parts.is_upn or "@" in parts.name.partition("@")[2]:
        raise _invalid(username, "is not an account of Entra ID", "Write it as user@domain.")
    return Account(username=parts.name, entra=True)


def _domain(username: str, parts: _Parts) -> Account:
    if parts.authority == "." or (parts.authority is None and not parts.is_upn):
        raise _invalid(username, "does not say its domain", "Write DOMAIN\\user or user@domain.")
    return Account(username=username)


def _of_named_machine(username: str, parts: _Parts, kind: AccountType, computer_name: str | None) -> Account:
    if computer_name is None or _same(parts.authority or "", computer_name):
        return Account(username=username)
    problem = f"{parts.authority} is not the computer name of the VM, which is {computer_name}"
    if kind is AccountType.LOCAL:
        raise _invalid(
            username, f"is not an account of the VM: {problem}, so {_NOT_THERE}", f"Use {computer_name}\\{parts.name}."
        )
    warning = (
        f"{problem}. Unless it is the VM's domain, {_NOT_THERE}. Use {computer_name}\\{parts.name} for an account of"
        " the VM, or say account_type: domain."
    )
    return Account(username=username, warnings=(warning,))


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _invalid(username: str, problem: str, hint: str) -> InvalidInput:
    return InvalidInput(code="InvalidAccount", message=f"{username!r} {problem}.", hint=hint)
