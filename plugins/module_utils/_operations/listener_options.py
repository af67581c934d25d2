# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the listener modules share, and their checks."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._domain.errors import InvalidInput
from .._domain.firewall_addresses import RemoteAddresses, remote_addresses
from .._domain.resource_id import VmTarget
from .._domain.server_name import normalise_server_name
from .._domain.thumbprint import normalise_thumbprint
from .._domain.virtual_machine import PowerState

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .._domain.virtual_machine import VirtualMachine


@dataclass(frozen=True, kw_only=True)
class ListenerOptions:
    """What a listener module was asked for. ``verify`` is ``auto`` or ``guest``; ``address`` is where it probes."""

    target: VmTarget
    present: bool
    thumbprint: str | None
    remote: RemoteAddresses
    verify: str
    address: str | None
    network_interface: str | None

    @staticmethod
    def checked(parameters: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """These options by name. Raise :class:`InvalidInput` for what can't be right."""
        return {
            "target": VmTarget.from_options(parameters),
            "present": parameters["state"] == "present",
            "thumbprint": checked_thumbprint(parameters["certificate_thumbprint"]),
            "remote": remote_addresses(parameters["remote_addresses"] or []),
            "verify": parameters["verify"],
            "address": checked_name("address", parameters["address"]),
            "network_interface": parameters["network_interface"] or None,
        }

    def worth_a_look(self, vm: VirtualMachine) -> bool:
        """Whether the view from outside may tell that nothing is to do."""
        return self.present and self.verify == "auto" and vm.power_state is PowerState.RUNNING


def checked_thumbprint(text: str | None) -> str | None:
    """A SHA-1 thumbprint in normal form. Raises :class:`InvalidInput`."""
    if not text:
        return None
    try:
        digits = normalise_thumbprint(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidThumbprint", message=f"certificate_thumbprint: {error}.") from error
    if len(digits) != 40:
        raise InvalidInput(
            code="InvalidThumbprint",
            message="certificate_thumbprint is a SHA-256 thumbprint; Windows names certificates by SHA-1 (40 digits).",
            hint="azvm.access.winrm_cert_keyvault returns it as certificate.thumbprint.",
        )
    return digits


def checked_name(option: str, text: str | None) -> str | None:
    """A host name or address in normal form. Raises :class:`InvalidInput`."""
    if not text:
        return None
    try:
        return normalise_server_name(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidName", message=f"{option}: {error}.") from error
