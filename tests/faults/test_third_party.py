# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else changes what a run is about to write: nothing of theirs is lost, and the run comes to its end."""

from __future__ import annotations

import random
import time
import typing as t
from dataclasses import asdict

from ansible_collections.azvm.access.tests.faults.conftest import roles_of
from ansible_collections.azvm.access.tests.faults.stranger import RULE, Stranger, certificate, untagged
from ansible_collections.azvm.access.tests.faults.trial import Tried

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from ansible_collections.azvm.access.tests.faults.conftest import Extent, Note
    from ansible_collections.azvm.access.tests.faults.fleet import Fleet, Island
    from ansible_collections.azvm.access.tests.faults.trial import Request, Undisturbed

#: Of the writes, in a sample.
FEW = 1
#: A rule of ours gives way to what is there already; tags are looked at one by one, as not everything is there yet.
APART = ("/properties/priority", "/tags/stranger")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("role", roles_of(metafunc.config, 0))


def test_somebody_else_at_each_write(
    *,
    fleet: Callable[[str, int], Fleet],
    undisturbed: Callable[[str], Undisturbed],
    role: str,
    extent: Extent,
    seed: int,
    note: Note,
) -> None:
    before = undisturbed(role)
    writes: Sequence[Request] = before.writes
    if extent == "sample":
        writes = random.Random(f"{role} {seed}").sample(writes, FEW)  # noqa: S311 - any of them, the same each time
    islands = fleet(role, len(writes) + 1)
    islands.start_over()
    alone = islands.count
    secret, chosen = certificate(), priorities(before.island, islands.island(islands.azure.state(), alone))

    def stranger(n: int) -> Stranger:
        return Stranger(azure=islands.azure, group=f"island-{n}", vm=islands.job.vm, secret=secret, priorities=chosen)

    held = {islands.fault(n, "hold-before", **asdict(one)).id: n for n, one in enumerate(writes, start=1)}
    numbers = list(held.values())
    run = islands.begin(numbers, forks=len(numbers))
    met: dict[int, str] = {}
    tagged: dict[int, list[str]] = {}
    while not run.ended:
        for rule in islands.azure.ask("fault/list")["faults"]:
            if rule["applied"]:
                tagged[held[rule["id"]]] = stranger(held[rule["id"]]).change()
                met[held[rule["id"]]] = rule["met"]
                islands.azure.ask("fault/clear", id=rule["id"])
        time.sleep(0.05)
    first = run.wait()
    second = islands.run([*numbers, alone])
    # What the same changes look like on an island whose run is over.
    stranger(alone).change()
    state = islands.settled()
    wanted = islands.island(state, alone)

    tried = []
    for n in numbers:
        troubles = [
            *(
                f"failed: {failed.result.get('msg')}"
                for failed in (*first.failures(f"h{n}"), *second.failures(f"h{n}"))
            ),
            *(f"again: {task}" for task in second.changed(f"h{n}")),
            *(f"lost: the tag of {id}" for id in untagged(state, tagged[n])),
            *(one for one in islands.island(state, n).differences(wanted) if not any(path in one for path in APART)),
        ]
        tried.append(
            Tried(job=role, kind="third party", met=met.get(n), went_on=not first.failures(f"h{n}"), troubles=troubles)
        )
    note(tried)
    assert [str(one) for one in tried if one.troubles] == []
    assert sorted(met) == numbers
    assert RULE in str(wanted.state)


def priorities(after: Island, before: Island) -> dict[str, int]:
    """By security group, the priority that the run has given to a rule of its own; where it has none, a free one."""
    made: dict[str, int] = {}
    there = rules(before)
    for group, found in rules(after).items():
        own = [priority for name, priority in found.items() if name not in there[group]]
        made[group] = own[0] if own else max(found.values(), default=300) + 10
    return made


def rules(island: Island) -> dict[str, dict[str, int]]:
    """The priorities of rules by name, by security group."""
    groups = [one for one in island.state["resources"] if one["type"] == "Microsoft.Network/networkSecurityGroups"]
    return {
        group["name"]: {rule["name"]: rule["properties"]["priority"] for rule in group["properties"]["securityRules"]}
        for group in groups
    }
