# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it: results, diff, defaults for the whole group, secrets, and many runs at once."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._operations import rdp_nsg_rule
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.tests.integration.rdp_nsg_rule.conftest import parameters
from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished, Json
from local_azure.testing import running

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded

GROUP = "access-fleet"
COUNT = 10


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    with running("fleet", count=COUNT, pace=0.01) as server:
        yield Azure(server=server)


@pytest.fixture
def controller(azure: Azure, preloaded: Preloaded, tmp_path: Path) -> Iterator[Controller]:
    azure.clear_faults()
    azure.start_over()
    with Controller(folder=tmp_path, environment=azure.server.env, preloaded=preloaded) as made:
        yield made


def play(controller: Controller, *tasks: Json, flags: tuple[str, ...] = (), hosts: int = 1) -> Finished:
    """A play with one task for each of these options, for one host or for several at the same moment.

    ``task`` among the options are keywords of the task itself.
    """
    common = {"resource_group": GROUP, "sources": ["203.0.113.7"], "poll_interval": 0.1}
    made: list[Json] = []
    for number, task in enumerate(tasks):
        options = {**common, **task}
        keywords = options.pop("task", {})
        name = f"task {number}"
        made.append({"name": name, "azvm.access.rdp_nsg_rule": options, "ignore_errors": True, **keywords})
    content = {
        "hosts": "all",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": made,
    }
    playbook = controller.runs / "play.yml"
    playbook.write_text(yaml.safe_dump([content]), encoding="utf-8")
    names: dict[str, Json] = {f"win{number}": {} for number in range(1, hosts + 1)}
    return controller.play(playbook, "--forks", str(hosts), *flags, hosts=names).succeeded()


def rules(azure: Azure) -> dict[str, t.Any]:
    group = next(one for one in azure.state()["resources"] if one["name"] == "fleet-nsg")
    return {rule["name"]: rule["properties"] for rule in group["properties"]["securityRules"]}


def test_ten_runs_on_one_group_at_once_leave_ten_rules(
    azure: Azure,
    controller: Controller,
    monkeypatch: pytest.MonkeyPatch,
    record_property: t.Callable[[str, str], None],
) -> None:
    before = rules(azure)
    finished = play(controller, {"vm_name": "{{ inventory_hostname }}"}, hosts=COUNT)
    assert (finished.changed(), finished.failures()) == (["task 0"] * COUNT, [])
    after = rules(azure)
    assert set(after) == {"AllowHttps"} | {f"Port_3389_win{number}" for number in range(1, COUNT + 1)}
    assert after["AllowHttps"] == before["AllowHttps"]
    assert len({rule["priority"] for rule in after.values()}) == COUNT + 1
    assert len({rule["destinationAddressPrefix"] for rule in after.values()}) == COUNT + 1
    writes = azure.writes()
    record_property("summary", f"{COUNT} VMs at once, first run: {len(azure.journal())} requests, {len(writes)} writes")
    # A writer that met another one chooses anew; all of them together don't meet again and again.
    assert len(writes) <= 4 * COUNT

    # Nothing is to be met any more, so the second run needs no processes of its own.
    for name, value in azure.server.env.items():
        monkeypatch.setenv(name, value)
    azure.mark()
    clients = AzureClients(sign_in({}, environment=azure.server.env), subscription=None, poll_interval=0.1, timeout=60)
    with clients.compute, clients.network:
        for number in range(1, COUNT + 1):
            options = rdp_nsg_rule.Options.from_parameters(parameters(f"win{number}", resource_group=GROUP))
            context = Context(azure=clients, deadline=Deadline(60), check_mode=False)
            assert not rdp_nsg_rule.run(options, context).changed
    assert azure.writes() == []
    record_property("summary", f"{COUNT} VMs, second run by one client: {len(azure.journal())} requests, no write")
    assert rules(azure) == after


def test_two_runs_for_one_vm_at_once_leave_one_rule(azure: Azure, controller: Controller) -> None:
    # Both have read the group before either writes.
    azure.fault("delay", method="PUT", path="securityRules", seconds=1)
    assert play(controller, {"vm_name": "win1"}, hosts=2).failures() == []
    assert len(azure.writes()) == 2
    assert set(rules(azure)) == {"AllowHttps", "Port_3389_win1"}


def test_what_a_person_sees(azure: Azure, controller: Controller) -> None:
    finished = play(
        controller,
        {"vm_name": "win1", "task": {"check_mode": True}},
        {"vm_name": "win1"},
        {"vm_name": "WIN1"},
        {"vm_name": "win1", "state": "absent"},
        flags=("--diff",),
    )
    predicted, real, _again, absent = (finished.of(f"task {number}") for number in range(4))
    assert [write.partition(" ")[0] for write in azure.writes()] == ["PUT", "DELETE"]
    assert (predicted["rule"], predicted["diff"]) == (real["rule"], real["diff"])
    assert finished.changed() == ["task 0", "task 1", "task 3"]
    rule = real["rule"]["groups"][0]["rule"]
    assert rule["id"].endswith("/networkSecurityGroups/fleet-nsg/securityRules/Port_3389_win1")
    assert (rule["sources"], rule["ports"], rule["access"]) == (["203.0.113.7"], ["3389"], "Allow")
    assert real["diff"]["before"] == {}
    assert absent["diff"] == {"before": real["diff"]["after"], "after": {}}
    assert absent["rule"]["groups"][0]["rule"] is None
    assert any(line.startswith("+") and "Port_3389_win1" in line for line in finished.output.splitlines())


def test_defaults_for_the_group_of_all_modules(azure: Azure, controller: Controller) -> None:
    env = azure.server.env
    controller.environment = {name: value for name, value in env.items() if not name.startswith("AZURE_")}
    defaults = {
        "subscription_id": env["AZURE_SUBSCRIPTION_ID"],
        "tenant": env["AZURE_TENANT"],
        "client_id": env["AZURE_CLIENT_ID"],
        "secret": env["AZURE_SECRET"],
    }
    every = {"module_defaults": {"group/azvm.access.azure": defaults}}
    finished = play(controller, {"vm_name": "win1"}, {"vm_name": "win1", "task": every})
    assert [one.result["failure"]["code"] for one in finished.failures()] == ["CredentialsNotFound"]
    assert finished.changed() == ["task 1"]


def test_no_secret_is_shown_however_loud(azure: Azure, controller: Controller) -> None:
    secret = azure.server.env["AZURE_SECRET"]
    wrong = f"{secret[::-1]}x"
    tasks = [{"vm_name": "win1", **more} for more in ({}, {"secret": secret}, {"secret": wrong})]
    finished = play(controller, *tasks, flags=("-vvvv", "--diff"))
    # An option alone is no complete sign-in, so it replaces one value of the environment's.
    assert [one.task for one in finished.failures()] == ["task 2"]
    shown = f"{finished.output}{finished.errors}{finished.results}"
    for text in (secret, wrong, "Bearer ", "eyJ"):
        assert text not in shown
    for path in (*controller.home.rglob("*"), *controller.temporary.rglob("*")):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_what_can_not_be_done_is_a_sentence_and_data(azure: Azure, controller: Controller) -> None:
    id = "/subscriptions/x/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n"
    wrong: dict[str, Json] = {
        "argument 'port'": {"vm_name": "win1", "port": "rdp"},
        "greater than zero": {"vm_name": "win1", "timeout": 0},
        "'win1' is not an Azure resource id": {"vm_id": "win1"},
        "the id of a Microsoft.Network/networkInterfaces": {"vm_id": id},
        "one of the following is required: vm_id, vm_name": {},
        "missing: application_security_groups": {"vm_name": "win1", "destination": "application_security_groups"},
        "port must be from 1 to 65535, not 0": {"vm_name": "win1", "port": 0},
        "win99 in resource group access-fleet": {"vm_name": "win99"},
    }
    failures = play(controller, *wrong.values()).failures()
    assert len(failures) == len(wrong)
    for text, failure in zip(wrong, failures, strict=True):
        assert text in failure.result["msg"]
        assert "Traceback" not in str(failure.result)
        assert "module_stderr" not in failure.result
    assert {entry["path"].rpartition("/")[2] for entry in azure.journal() if "Microsoft.Compute" in entry["path"]} == {
        "win99"
    }
    assert failures[-1].result["failure"]["code"] == "ResourceNotFound"
    assert failures[-1].result["msg"] == (
        "Could not read the virtual machine win99 in resource group access-fleet: The Resource"
        " 'Microsoft.Compute/virtualMachines/win99' under resource group 'access-fleet' was not found"
        " (ResourceNotFound). Check the name, the resource group and the subscription."
    )
