# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource ids: parsed, canonical in print, compared without case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

GROUP_TYPE = "Microsoft.Resources/resourceGroups"
SUBSCRIPTION_TYPE = "Microsoft.Resources/subscriptions"


@dataclass(frozen=True, eq=False)
class ResourceId:
    """An id under a subscription. Without types it names the resource group, without a group the subscription.

    `types` and `names` have the same length: parent first. Equality and hash ignore case, as Azure does.
    """

    subscription: str
    group: str | None = None
    namespace: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.types) != len(self.names):
            raise ValueError(f"unequal number of types and names: {self.types} {self.names}")

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Raises ValueError when `text` isn't the id of a subscription, resource group or resource."""
        parts = text.strip("/").split("/")
        if not text.startswith("/") or len(parts) < 2 or parts[0].lower() != "subscriptions" or "" in parts:
            raise ValueError(f"not a resource id: {text!r}")
        subscription, rest = parts[1], parts[2:]
        group: str | None = None
        if rest and rest[0].lower() == "resourcegroups":
            if len(rest) < 2:
                raise ValueError(f"not a resource id: {text!r}")
            group, rest = rest[1], rest[2:]
        if not rest:
            return cls(subscription, group)
        if rest[0].lower() != "providers" or len(rest) < 4 or len(rest) % 2:
            raise ValueError(f"not a resource id: {text!r}")
        return cls(subscription, group, rest[1], tuple(rest[2::2]), tuple(rest[3::2]))

    def __str__(self) -> str:
        text = f"/subscriptions/{self.subscription}"
        if self.group is not None:
            text += f"/resourceGroups/{self.group}"
        if self.types:
            pairs = "/".join(f"{type_}/{name}" for type_, name in zip(self.types, self.names, strict=True))
            text += f"/providers/{self.namespace}/{pairs}"
        return text

    @cached_property
    def key(self) -> str:
        """What ids are compared by."""
        return str(self).lower()

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, ResourceId) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def type(self) -> str:
        """The full type, such as Microsoft.Network/networkSecurityGroups/securityRules."""
        if self.types:
            return "/".join((self.namespace, *self.types))
        return SUBSCRIPTION_TYPE if self.group is None else GROUP_TYPE

    @property
    def name(self) -> str:
        """The last name: of the resource, the resource group, or the subscription."""
        if self.names:
            return self.names[-1]
        return self.subscription if self.group is None else self.group

    @property
    def parent(self) -> ResourceId:
        """The enclosing resource; of a top-level resource its group; of a group its subscription.

        Raises ValueError for a subscription.
        """
        if len(self.types) > 1:
            return ResourceId(self.subscription, self.group, self.namespace, self.types[:-1], self.names[:-1])
        if self.types:
            return ResourceId(self.subscription, self.group)
        if self.group is not None:
            return ResourceId(self.subscription)
        raise ValueError("a subscription has no parent here")

    def child(self, type: str, name: str) -> ResourceId:
        """A nested resource; under a group or subscription `type` is a full type (Microsoft.Network/virtualNetworks).

        Raises ValueError for a short type there.
        """
        if self.types:
            return ResourceId(self.subscription, self.group, self.namespace, (*self.types, type), (*self.names, name))
        namespace, _slash, short = type.partition("/")
        if not short or "/" in short:
            raise ValueError(f"not the full type of a top-level resource: {type!r}")
        return ResourceId(self.subscription, self.group, namespace, (short,), (name,))

    def is_under(self, other: ResourceId) -> bool:
        """Whether `other` is this id or encloses it."""
        return self.key == other.key or self.key.startswith(other.key + "/")
