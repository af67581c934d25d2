# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: lookups without case, lists in order, the 404s of missing resources."""

from __future__ import annotations

import pytest

from local_azure.core.errors import AzureError
from local_azure.core.resource_id import ResourceId
from local_azure.core.store import Resource, Store

RULES = "Microsoft.Network/networkSecurityGroups/securityRules"
GROUP = ResourceId.parse("/subscriptions/s/resourceGroups/Demo")
NSG = GROUP.child("Microsoft.Network/networkSecurityGroups", "Guard")


def store_of(*ids: ResourceId) -> Store:
    store = Store()
    for id in ids:
        store.put(Resource(id=id, private={"password": "hidden"}))
    return store


def test_found_whatever_the_case() -> None:
    store = store_of(GROUP, NSG)
    found = store.get(ResourceId.parse(str(NSG).replace("Guard", "gUARD").replace("Demo", "demo")))
    assert found is not None
    assert found.id.name == "Guard"


def test_list_is_ordered_by_name_and_limited() -> None:
    names = ["beta", "Alpha", "gamma"]
    store = store_of(GROUP, *(GROUP.child("Microsoft.Network/networkSecurityGroups", name) for name in names))
    store.put(Resource(id=NSG.child("securityRules", "r")))
    listed = store.list("microsoft.network/NETWORKSECURITYGROUPS", group="demo")
    assert [one.id.name for one in listed] == ["Alpha", "beta", "gamma"]
    assert store.list("Microsoft.Network/networkSecurityGroups", group="other") == []
    assert [one.id.name for one in store.list("Microsoft.Network/networkSecurityGroups/securityRules", under=NSG)] == [
        "r"
    ]


def test_delete_takes_nested_resources_along() -> None:
    rule = NSG.child("securityRules", "r")
    neighbour = GROUP.child("Microsoft.Network/networkSecurityGroups", "Guard2")
    store = store_of(GROUP, NSG, rule, neighbour)
    store.delete(NSG)
    assert store.get(rule) is None
    assert store.get(neighbour) is not None


@pytest.mark.parametrize(
    ("present", "code", "message"),
    [
        ((), "ResourceGroupNotFound", "Resource group 'Demo' could not be found."),
        (
            (GROUP,),
            "ParentResourceNotFound",
            "Can not perform requested operation on nested resource. Parent resource 'Guard' not found.",
        ),
        (
            (GROUP, NSG),
            "ResourceNotFound",
            (
                f"The Resource '{RULES}/Guard/r' under resource group 'Demo' was not found. "
                "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        ),
    ],
)
def test_what_is_missing_is_named(present: tuple[ResourceId, ...], code: str, message: str) -> None:
    with pytest.raises(AzureError) as caught:
        store_of(*present).require(NSG.child("securityRules", "r"))
    assert (caught.value.status, caught.value.code, caught.value.message) == (404, code, message)
    assert caught.value.headers["x-ms-failure-cause"] == "gateway"


def test_canonical_casing_comes_from_what_exists() -> None:
    given = ResourceId.parse(f"{NSG}/securityRules/New".replace("Guard", "GUARD").replace("Demo", "DEMO"))
    assert str(store_of(GROUP, NSG).canonical(given)) == f"{NSG}/securityRules/New"


def test_listeners_hear_of_every_change() -> None:
    heard: list[str] = []
    store = Store()
    store.on_change(lambda: heard.append("change"))
    resource = Resource(id=NSG)
    store.put(resource)
    store.touch(resource)
    store.delete(NSG)
    store.delete(NSG)
    assert heard == ["change"] * 3


def test_dump_has_no_private_fields() -> None:
    shown = Resource(id=NSG, private={"password": "hidden"}, envelope={"zones": ["1"]}, tags={"a": "b"}).dump()
    assert "hidden" not in str(shown)
    assert (shown["zones"], shown["tags"]) == (["1"], {"a": "b"})
