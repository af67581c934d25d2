# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reset of the access has to do, and what has to be true of the VM before it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .access_reset_causes import DOMAIN_CONTROLLER, EXTENSIONS_OFF
from .accounts import checked_user_name, is_reserved
from .errors import InvalidInput, NotReady

if t.TYPE_CHECKING:
    from .access_extension import AccessExtension
    from .virtual_machine import VirtualMachine

CONFIGURATION, PASSWORD, BOTH = "configuration", "password", "both"


@dataclass(frozen=True, kw_only=True)
class ResetPlan:
    """Which parts are carried out, and in a sentence why. Neither: the VM is as it should be."""

    configuration: bool
    password: bool
    reason: str

    @property
    def needed(self) -> bool:
        return self.configuration or self.password

    @property
    def parts(self) -> list[str]:
        return [*([CONFIGURATION] if self.configuration else []), *([PASSWORD] if self.password else [])]


def planned_reset(mode: str, *, reachable: bool | None, password_is_set: bool, force: bool) -> ResetPlan:
    """``reachable`` is what the probe said, None when it was not asked: then the configuration is reset each time.

    A password is set unless the marker says that it is. With ``both``, a reset of the configuration sets it again: who
    asks for both can't get in.
    """
    configuration = mode in (CONFIGURATION, BOTH) and (force or not reachable)
    password = mode == PASSWORD or (mode == BOTH and not configuration)
    password = (password and (force or not password_is_set)) or (mode == BOTH and configuration)
    reasons = []
    if mode != PASSWORD and reachable is None:
        reasons.append("the configuration is reset each time")
    elif mode != PASSWORD:
        reasons.append("Remote Desktop answers" if reachable else "Remote Desktop does not answer")
    if mode != CONFIGURATION:
        reasons.append("this password was set before" if password_is_set else "this password was not set before")
    if force:
        reasons.append("force is set")
    return ResetPlan(configuration=configuration, password=password, reason="; ".join(reasons))


def account_to_reset(vm: VirtualMachine, wanted: str | None, *, allow_other_user: bool) -> str:
    """The user name; without ``wanted``, the administrator that Azure made with the VM.

    Raises :class:`InvalidInput` for a name that VMAccess would turn into a new administrator, or that may be somebody
    else's, unless that is allowed (Azure/azure-sdk-for-python#34470).
    """
    own = vm.admin_username
    if wanted is None:
        if own is None:
            raise InvalidInput(
                code="UserNameMissing",
                message=f"Azure does not know the administrator of the {vm}, which has no osProfile.",
                hint="Set username, and allow_other_user: true.",
            )
        return own
    checked_user_name(wanted)
    if own is not None and own.lower() == wanted.lower():
        return wanted
    if not allow_other_user:
        raise InvalidInput(
            code="OtherUser",
            message=f"{wanted!r} is not the administrator {own!r} that Azure made with the {vm}."
            if own
            else f"Azure can't tell whether {wanted!r} is an administrator of the {vm}, which has no osProfile.",
            hint="VMAccess would change that account's password, or make a new administrator of this name."
            " Set allow_other_user: true if that is what you want.",
        )
    if own is not None and is_reserved(wanted):
        raise InvalidInput(
            code="ReservedUserName",
            message=f"Azure does not take {wanted!r} as the name of an administrator: it is one of those tried first.",
            hint="Choose another name.",
        )
    return wanted


def require_extensions(vm: VirtualMachine) -> None:
    """Raise :class:`NotReady` when the VM's configuration forbids extensions."""
    if not vm.allows_extensions:
        hint = EXTENSIONS_OFF.hint
        raise NotReady(code=EXTENSIONS_OFF.name, message=f"The {vm} does not allow extensions.", hint=hint)


def require_member(vm: VirtualMachine, extension: AccessExtension | None, *, force: bool) -> None:
    """Raise :class:`NotReady` when the last reset failed because the VM is a domain controller."""
    if extension is None or extension.succeeded or force:
        return
    if any(DOMAIN_CONTROLLER.fits("", message) for message in extension.messages):
        raise NotReady(
            code=DOMAIN_CONTROLLER.name,
            message=f"The {vm} is a domain controller, as the last reset of its access found.",
            hint=DOMAIN_CONTROLLER.hint + " If it no longer is one, set force: true.",
        )
