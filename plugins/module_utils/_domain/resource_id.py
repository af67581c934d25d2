# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure resource ids, and the VM a task is about."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .errors import InvalidInput

_GROUP_NAME = re.compile(r"[-\w._()]{1,90}(?<!\.)")
_VM_NAME = re.compile(r"[^\s\\/\"'\[\]:|<>+=;,?*@&_.-][^\s\\/\"'\[\]:|<>+=;,?*@&]{0,63}(?<![.-])")
_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, kw_only=True, eq=False)
class ResourceId:
    """``/subscriptions/S/resourceGroups/G/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME...]``.

    Azure compares ids without regard to case, and so does this class; the casing that was given is kept for display.
    """

    subscription: str
    resource_group: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, expected_type: str | None = None) -> ResourceId:
        """Raise :class:`InvalidInput` when ``text`` is no resource id, or not one of ``expected_type``."""
        parts = text.strip().strip("/").split("/")
        words = [part.lower() for part in parts]
        if (
            len(parts) < 8
            or len(parts) % 2
            or "" in parts
            or (words[0], words[2], words[4]) != ("subscriptions", "resourcegroups", "providers")
        ):
            raise InvalidInput(
                code="InvalidResourceId",
                message=f"{text!r} is not an Azure resource id.",
                hint="An id looks like"
                " /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Compute/virtualMachines/NAME.",
            )
        result = cls(
            subscription=parts[1],
            resource_group=parts[3],
            namespace=parts[5],
            types=tuple(parts[6::2]),
            names=tuple(parts[7::2]),
        )
        if expected_type and result.type.lower() != expected_type.lower():
            raise InvalidInput(
                code="InvalidResourceId",
                message=f"{text!r} is the id of a {result.type}, not of a {expected_type}.",
            )
        return result

    @property
    def type(self) -> str:
        """For example ``Microsoft.Network/networkSecurityGroups/securityRules``."""
        return "/".join((self.namespace, *self.types))

    @property
    def name(self) -> str:
        """The last name."""
        return self.names[-1]

    @property
    def parent(self) -> ResourceId:
        """The resource this one is a child of; only child resources have one."""
        if len(self.names) < 2:
            raise ValueError(f"{self} has no parent resource")
        return ResourceId(
            subscription=self.subscription,
            resource_group=self.resource_group,
            namespace=self.namespace,
            types=self.types[:-1],
            names=self.names[:-1],
        )

    def child(self, type_name: str, name: str) -> ResourceId:
        return ResourceId(
            subscription=self.subscription,
            resource_group=self.resource_group,
            namespace=self.namespace,
            types=(*self.types, type_name),
            names=(*self.names, name),
        )

    @property
    def key(self) -> str:
        """What is compared: the id in lower case."""
        return str(self).lower()

    def __str__(self) -> str:
        pairs = "/".join(f"{type_name}/{name}" for type_name, name in zip(self.types, self.names, strict=True))
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/{self.namespace}/{pairs}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceId) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def same_id(one: str | None, other: str | None) -> bool:
    """Whether two ids as Azure wrote them name the same resource."""
    return one is not None and other is not None and one.strip("/").lower() == other.strip("/").lower()


@dataclass(frozen=True, kw_only=True)
class VmTarget:
    """The VM a task is about. ``subscription`` is ``None`` when the credentials decide it."""

    subscription: str | None
    resource_group: str
    name: str

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> VmTarget:
        """Read ``vm_id``, or ``resource_group`` and ``vm_name``; :class:`InvalidInput` when they can't be right."""
        if options.get("vm_id"):
            vm = ResourceId.parse(options["vm_id"], expected_type="Microsoft.Compute/virtualMachines")
            target = cls(subscription=vm.subscription, resource_group=vm.resource_group, name=vm.name)
        else:
            target = cls(
                subscription=options.get("subscription_id") or None,
                resource_group=options.get("resource_group") or "",
                name=options.get("vm_name") or "",
            )
        if not target.resource_group:
            raise InvalidInput(
                code="ResourceGroupMissing",
                message=f"The resource group of the virtual machine {target.name} is not named.",
                hint="Set resource_group, or name the VM by vm_id.",
            )
        _check("resource group", target.resource_group, _GROUP_NAME)
        _check("virtual machine", target.name, _VM_NAME)
        if target.subscription is not None:
            _check("subscription", target.subscription, _SUBSCRIPTION)
        return target

    def __str__(self) -> str:
        return f"virtual machine {self.name} in resource group {self.resource_group}"


def _check(what: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise InvalidInput(
            code="InvalidName",
            message=f"{value!r} is not a possible {what} {'id' if what == 'subscription' else 'name'} in Azure.",
            hint="Nothing was sent to Azure: check the spelling.",
        )
