# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does just-in-time access guard a port that is to be opened, or that is open for good?"""

from __future__ import annotations

import typing as t

from .._azure import jit
from .._domain.errors import AccessError, Conflict, Denied, NotFound, Refused
from .._domain.jit import covering, refusal

if t.TYPE_CHECKING:
    from .._azure.clients import AzureClients
    from .._domain.resource_id import ResourceId


def checked_against_jit(
    azure: AzureClients,
    vm: ResourceId,
    *,
    port: int,
    protocol: str = "Tcp",
    override: bool = False,
    option: str = "allow_jit_override",
) -> tuple[str, ...]:
    """Warnings about opening ``port`` of ``vm`` by a rule; raises :class:`Conflict` where a policy guards it.

    With ``override`` the refusal becomes a warning. A caller who may not read the policies is warned, not stopped, and
    so is one whose subscription or cloud has no Microsoft.Security: without Defender for Cloud there are none. One
    read, two where only the group's policies may be read.
    """
    try:
        cover = covering(jit.policies(azure, vm), vm, port=port, protocol=protocol)
    except (Denied, NotFound, Conflict, Refused) as error:
        return (f"Whether just-in-time access guards port {port} of {vm.name} is not known. {error.message}",)
    if cover is None:
        return ()
    reason: AccessError = refusal(cover, vm_name=vm.name, override=option)
    if not override:
        raise reason
    return (f"{reason.message} It is opened all the same, as {option} says.",)


def kept_beside_jit(azure: AzureClients, vm: ResourceId, *, port: int, protocol: str) -> tuple[str, ...]:
    """A warning when a policy guards ``port`` of ``vm``, to which a rule without an end has been opening the way.

    The policy may have come after the rule. One read; where the policies can't be read, nothing is said.
    """
    try:
        cover = covering(jit.policies(azure, vm), vm, port=port, protocol=protocol)
    except AccessError:
        return ()
    if cover is None:
        return ()
    warning = (
        f"Just-in-time access guards port {port} of {vm.name}, and the rule that is there already lets its sources in"
        " at all times. Take it away (state: absent) to have the policy act, or set allow_jit_override: true to keep it"
        " without this warning."
    )
    return (warning,)
