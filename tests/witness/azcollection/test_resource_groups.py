# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource groups, by azure_rm_resourcegroup."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.witness.azcollection.conftest import changed, refused, theirs

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.azcollection.conftest import Bench, Json

GROUP = {"name": "witness", "location": "westeurope"}


def groups(bench: Bench) -> dict[str, Json]:
    return {group["name"]: group for group in bench.azure.state()["groups"]}


def test_the_life_of_a_resource_group(bench: Bench) -> None:
    made, again, tagged, tagged_again, info = bench.run(
        theirs("resourcegroup", **GROUP),
        theirs("resourcegroup", **GROUP),
        theirs("resourcegroup", **GROUP, tags={"team": "web"}),
        theirs("resourcegroup", **GROUP, tags={"team": "web"}),
        theirs("resourcegroup_info", name="access-demo", list_resources=True),
    )
    assert changed([made, again, tagged, tagged_again]) == [True, False, True, False]
    assert made["state"]["provisioning_state"] == "Succeeded"
    found = groups(bench)["witness"]
    assert (found["location"], found["tags"]) == ("westeurope", {"team": "web"})
    (told,) = info["resourcegroups"]
    in_the_group = [one["id"] for one in bench.azure.state()["resources"] if one["id"].count("/") == 8]
    assert sorted(one["id"] for one in told["resources"]) == sorted(
        id for id in in_the_group if "/resourceGroups/access-demo/" in id
    )

    kept, gone, gone_again = bench.run(
        refused(theirs("resourcegroup", name="access-demo", state="absent")),
        theirs("resourcegroup", name="witness", state="absent"),
        theirs("resourcegroup", name="witness", state="absent"),
    )
    assert "Resources exist within the group" in kept["msg"]
    assert changed([gone, gone_again]) == [True, False]
    assert set(groups(bench)) == {"access-demo", "NetworkWatcherRG"}
