# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just-in-time VM access of Defender for Cloud: which policies keep a VM's port closed until somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Conflict
from .resource_id import same_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .resource_id import ResourceId


@dataclass(frozen=True, kw_only=True)
class JitPort:
    """A port that a policy manages. ``protocol`` is ``TCP``, ``UDP`` or ``*``; ``longest`` an ISO 8601 duration."""

    number: int
    protocol: str
    longest: str


@dataclass(frozen=True, kw_only=True)
class JitPolicy:
    """A just-in-time access policy; ``ports`` pairs the id of each VM with the ports managed there."""

    id: str
    ports: tuple[tuple[str, tuple[JitPort, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class JitCover:
    """The policy that covers a port of a VM."""

    policy_id: str
    port: JitPort


def covering(policies: Iterable[JitPolicy], vm: ResourceId, *, port: int, protocol: str = "Tcp") -> JitCover | None:
    """The first policy that manages ``port`` of ``vm``; ``protocol`` as in a security rule (``*`` meets every one)."""
    for policy in policies:
        for vm_id, ports in policy.ports:
            if same_id(vm_id, str(vm)):
                for each in ports:
                    if each.number == port and _meet(each.protocol, protocol):
                        return JitCover(policy_id=policy.id, port=each)
    return None


def _meet(one: str, other: str) -> bool:
    return "*" in (one, other) or one.lower() == other.lower()


def refusal(cover: JitCover, *, vm_name: str, override: str) -> Conflict:
    """Why no rule is made beside the policy's; ``override`` is the option that makes it all the same."""
    return Conflict(
        code="JitPolicyCoversPort",
        message=f"Just-in-time access guards port {cover.port.number} of {vm_name}: it opens on request, for"
        f" {cover.port.longest or 'a limited time'} at most. A rule made beside it would silently defeat that.",
        hint="Request access instead (Defender for Cloud, or Start-AzJitNetworkAccessPolicy), or set"
        f" {override}: true to open the port all the same.",
        details={"policy": cover.policy_id},
    )
