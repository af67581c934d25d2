# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource ids and the VM of a task, as people write them and as Azure compares them."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.resource_id import ResourceId, VmTarget, same_id

SUBSCRIPTION = "0d5f3a52-8c1e-4b7a-9e46-2f1b7c9d8a30"
VM = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/Win1"
parts = st.text(alphabet="abcXYZ019-_.", min_size=1, max_size=20)


@given(parts, parts, st.lists(st.tuples(parts, parts), min_size=1, max_size=3))
def test_an_id_is_read_back_as_it_was_written(group: str, namespace: str, path: list[tuple[str, str]]) -> None:
    ends = "/".join(f"{kind}/{name}" for kind, name in path)
    text = f"/subscriptions/s/resourceGroups/{group}/providers/{namespace}/{ends}"
    found = ResourceId.parse(text)
    assert str(found) == text
    assert found == ResourceId.parse(text.upper().strip("/"))
    assert hash(found) == hash(ResourceId.parse(text.upper()))
    assert found.child("kind", "name").parent == found


def test_the_parts_of_an_id() -> None:
    found = ResourceId.parse(VM)
    assert (found.subscription, found.resource_group, found.name) == (SUBSCRIPTION, "RG", "Win1")
    assert found.type == "Microsoft.Compute/virtualMachines"
    with pytest.raises(ValueError, match="no parent"):
        _parent = found.parent


@pytest.mark.parametrize(
    "text",
    ["", "win1", "/subscriptions/s", f"{VM}/extensions", VM.replace("providers", "provider"), VM.replace("RG", "")],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ResourceId.parse(text)
    assert caught.value.code == "InvalidResourceId"
    assert repr(text) in caught.value.message


def test_an_id_of_something_else_is_refused_with_both_kinds() -> None:
    with pytest.raises(InvalidInput) as caught:
        ResourceId.parse(VM, expected_type="Microsoft.Network/networkInterfaces")
    assert "Microsoft.Compute/virtualMachines" in caught.value.message
    assert "Microsoft.Network/networkInterfaces" in caught.value.message


def test_ids_are_the_same_in_any_casing() -> None:
    assert same_id(VM, VM.upper() + "/")
    assert not same_id(VM, VM + "2")
    assert not same_id(None, None)


def test_a_target_is_a_name_in_a_group_or_an_id() -> None:
    named = VmTarget.from_options({"resource_group": "RG", "vm_name": "Win1", "vm_id": None, "subscription_id": None})
    assert (named.subscription, str(named)) == (None, "virtual machine Win1 in resource group RG")
    by_id = VmTarget.from_options({"vm_id": VM, "subscription_id": "ignored: the id names it"})
    assert (by_id.subscription, by_id.resource_group, by_id.name) == (SUBSCRIPTION, "RG", "Win1")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"resource_group": "a/b"}, "resource group"),
        ({"resource_group": "ends."}, "resource group"),
        ({"resource_group": "g" * 91}, "resource group"),
        ({"vm_name": ""}, "virtual machine"),
        ({"vm_name": "win 1"}, "virtual machine"),
        ({"vm_name": "win1?x=y"}, "virtual machine"),
        ({"vm_name": "../win1"}, "virtual machine"),
        ({"vm_name": "v" * 65}, "virtual machine"),
        ({"subscription_id": "my subscription"}, "subscription"),
        ({"subscription_id": f"{SUBSCRIPTION}x"}, "subscription"),
    ],
)
def test_names_azure_can_not_know_are_refused(changed: dict[str, t.Any], named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        VmTarget.from_options({"resource_group": "rg", "vm_name": "win1", **changed})
    assert caught.value.code == "InvalidName"
    assert named in caught.value.message


@pytest.mark.parametrize("nothing", ["", None])
def test_a_group_that_nobody_named(nothing: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        VmTarget.from_options({"resource_group": nothing, "vm_name": "win1"})
    assert caught.value.code == "ResourceGroupMissing"
    assert "win1" in caught.value.message
    assert "vm_id" in caught.value.hint


@pytest.mark.parametrize("name", ["w", "win1", "my-vm", "my.vm", "vm_1", "v" * 64])
def test_names_azure_takes_are_taken(name: str) -> None:
    assert VmTarget.from_options({"resource_group": "my.group_(1)", "vm_name": name}).name == name
