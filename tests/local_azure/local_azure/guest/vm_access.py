# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the VMAccess extension does inside Windows: Remote Desktop switched on, a local administrator's password set."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .firewall import windows_server_rules
from .machine import LocalUser, Machine
from .password_policy import meets_policy

RDP_RULE = "RemoteDesktop-UserMode-In-TCP"
_CANNOT_UPDATE = "Cannot update Remote Desktop Connection settings for Administrator account. Error: "
_TRACE = " at Microsoft.WindowsAzure.GuestAgent.Plugins.JsonExtensions.VMAccess.VMAccessExtension.OnEnable()"


class HandlerFailure(Exception):
    """The handler reported an error; the text is the one it reports (Microsoft: VMAccess extension, error messages)."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of what was done, for the instance view's substatuses."""

    name: str
    message: str


def apply(machine: Machine, *, username: str, password: str) -> tuple[Component, ...]:
    """Run the handler: with both empty, only the Remote Desktop configuration is reset.

    Microsoft's pages say: the named account gets the password; it is enabled if need be, or made, as a local
    administrator; Remote Desktop settings are changed to allow sign-in in either case. A changed port and network level
    authentication are left as they are (unverified).

    :raises HandlerFailure: as on Windows; nothing was changed then.
    """
    if machine.domain_controller:
        raise HandlerFailure("VMAccess Extension does not support Domain Controller.")
    done = []
    if username:
        done.append(_set_account(machine, username, password))
    _allow_remote_desktop(machine)
    done.append(Component(name="RemoteDesktop", message="Remote Desktop is enabled."))
    machine.changed()
    return tuple(done)


def _set_account(machine: Machine, name: str, password: str) -> Component:
    if not password:
        raise HandlerFailure("The Admin User Account password cannot be null or empty if provided the username.")
    user = machine.user(name)
    if user is not None and not user.admin:
        raise HandlerFailure(
            f"{_CANNOT_UPDATE}System.Exception: User account {name} already exists but cannot be updated because it is "
            f"not in the Administrators group.{_TRACE}"
        )
    if not meets_policy(password, user_name=name, shortest=machine.minimum_password_length):
        raise HandlerFailure(
            f"{_CANNOT_UPDATE}System.Runtime.InteropServices.COMException (0x800708C5): The password does not meet the "
            "password policy requirements. Check the minimum password length, password complexity and password history "
            f"requirements.{_TRACE}"
        )
    if user is None:
        machine.set_user(LocalUser(name=name, password=password))
        return Component(name="Account", message=f"The local administrator {name} was created.")
    # A new password is neither expired nor to be changed; a lock-out, and the end of an account, are left (unverified).
    trouble = "none" if user.trouble in {"password_expired", "must_change"} else user.trouble
    machine.set_user(replace(user, password=password, enabled=True, trouble=trouble))
    return Component(name="Account", message=f"The password of {user.name} was set.")


def _allow_remote_desktop(machine: Machine) -> None:
    machine.rdp.enabled = True
    machine.rdp.service_running = True
    image_rule = next(rule for rule in windows_server_rules() if rule.name == RDP_RULE)
    machine.firewall[RDP_RULE] = image_rule
