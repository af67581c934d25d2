# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to a VM with the options that belong to it: enabled, connected, run again, and taken back."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from ansible_collections.azvm.access.tests.integration.enable_winrm.conftest import INVENTORY_MARK, PLAYS, ROLE
from ansible_collections.azvm.access.tests.integration.support.end_state import differences, end_state
from ansible_collections.azvm.access.tests.integration.support.interrupted import settled

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.support.azure_control import Azure
    from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished, Json

SCENARIO = Path(__file__).parents[1] / "scenarios" / "winrm-vms.yml"
GROUP = "access-ways"
VAULT = "ways-vault"
RESULT = {
    "address",
    "channel",
    "connection",
    "not_after",
    "port",
    "secret_url",
    "thumbprint",
    "trust_file",
    "vault",
}
# What people have added to the inventory that the role keeps: to a VM of its own, to another one, and to all.
ADDED: Json = {
    "all": {
        "hosts": {"named": {"owner": "me", "greeting": "{{ 1 + 1 }}"}, "retired": {"ansible_host": "192.0.2.1"}},
        "children": {"web": {"hosts": {"named": None}}},
        "vars": {"site": "north"},
    }
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A state of the local Azure, asked by the names of things."""

    state: Json

    def properties(self, name: str) -> Json:
        (found,) = [one["properties"] for one in self.state["resources"] if one["name"] == name]
        return t.cast("Json", found)

    def public(self, name: str) -> str:
        return str(self.properties(f"{name}-ip")["ipAddress"])

    def private(self, name: str) -> str:
        return str(self.properties(f"{name}-nic")["ipConfigurations"][0]["properties"]["privateIPAddress"])

    def rules(self, group: str) -> dict[str, Json]:
        return {one["name"]: one["properties"] for one in self.properties(group)["securityRules"]}

    def references(self, vm: str) -> list[str]:
        groups = self.properties(vm)["osProfile"].get("secrets", [])
        return [entry["certificateUrl"] for group in groups for entry in group["vaultCertificates"]]

    def versions(self, secret: str) -> list[Json]:
        found = [one for vault in self.state["vaults"] for one in vault["secrets"] if one["name"] == secret]
        return [version for one in found for version in one["versions"]]


def ways(seen: Seen, inventory: str) -> dict[str, Json]:
    """The VMs of the scenario as inventory hosts."""
    twin = {
        "enable_winrm_certificate_name": "twins",
        "enable_winrm_include_vm_names": False,
        "enable_winrm_dns_names": ["twins.example.com"],
        "enable_winrm_ip_addresses": [seen.public("twin1"), seen.public("twin2")],
    }
    hosts: dict[str, Json] = {
        "named": {
            "allowed_sources": ["*"],
            "enable_winrm_allow_any_source": True,
            "enable_winrm_rule_name": "Managed-by-Ansible",
            "enable_winrm_rule_priority": 555,
            "enable_winrm_dns_names": ["named.example.com"],
            "enable_winrm_ip_addresses": ["192.0.2.9"],
            "enable_winrm_validity_days": 90,
            "enable_winrm_renew_before_days": 10,
        },
        "inside": {"enable_winrm_address_type": "private", "enable_winrm_key_source": "vault"},
        "two-nics": {"enable_winrm_network_interface": "back-nic"},
        "guarded": {"enable_winrm_allow_jit_override": True, "enable_winrm_vault_channel": "resource_manager"},
        "others": {
            "enable_winrm_manage_rule": False,
            "enable_winrm_verify": "guest",
            "enable_winrm_vault_name": "others-vault",
            "enable_winrm_vault_resource_group": "access-vaults",
            "enable_winrm_create_vault": False,
        },
        "twin1": twin,
        "twin2": twin,
    }
    common = {
        "resource_group": GROUP,
        "allowed_sources": ["127.0.0.1"],
        "enable_winrm_vault_name": VAULT,
        "enable_winrm_inventory_file": inventory,
    }
    return {name: {**common, **own} for name, own in hosts.items()}


def test_every_way_twice_and_back(azure: Azure, controller: Controller) -> None:
    azure.start_over(SCENARIO)
    before = azure.state()
    # Where the command is given, as the shell says.
    controller.more["PWD"] = str(controller.folder)
    inventory = controller.folder / "windows.yml"
    inventory.write_text(f"{INVENTORY_MARK} it says.\n{yaml.safe_dump(ADDED)}")
    hosts = ways(Seen(state=before), inventory.name)

    first = controller.play(ROLE, hosts=hosts).succeeded()

    seen = Seen(state=settled(azure))
    each_result_is_true(first, hosts, seen, controller)
    each_rule_is_as_wanted(seen)
    each_certificate_is_as_wanted(seen)
    assert "allow_jit_override" in str(first.of("Open the security groups", "guarded")["warnings"])

    # All of them with the stock plugin and from the inventory alone: account and connection variables are in it.
    everybody = {"ansible_user": azure.server.env["LOCAL_AZURE_VM_USER"]}
    everybody["ansible_password"] = azure.server.env["LOCAL_AZURE_VM_PASSWORD"]
    kept = yaml.safe_load(inventory.read_text())
    kept_what_people_added(kept, hosts)
    connected = controller.play(PLAYS / "connect.yml", "--limit", "!retired", inventory=inventory, variables=everybody)
    for name in hosts:
        assert connected.of("Run a command", name)["stdout"].strip() == rf"{name}\azureuser"

    azure.mark()
    again = controller.play(ROLE, hosts=hosts).succeeded()

    assert again.changed() == []
    assert {name: again.fact("enable_winrm_result", name) for name in hosts} == {
        name: first.fact("enable_winrm_result", name) for name in hosts
    }
    # Only where somebody asked for it, one looks inside.
    assert [one for one in azure.writes() if "/virtualMachines/others/runCommands/" not in one] == []

    absent = {"enable_winrm_state": "absent"}
    controller.play(ROLE, hosts={name: {**given, **absent} for name, given in hosts.items()}).succeeded()

    taken_back(before, settled(azure))
    assert list(controller.trust.iterdir()) == []
    kept = yaml.safe_load(inventory.read_text())
    assert kept == {"all": {**ADDED["all"], "hosts": {"retired": ADDED["all"]["hosts"]["retired"]}}}


def each_result_is_true(run: Finished, hosts: t.Iterable[str], seen: Seen, controller: Controller) -> None:
    """Against what Azure has."""
    addresses = {
        "inside": seen.private("inside"),
        "two-nics": seen.public("back"),
        **{name: seen.public(name) for name in ("named", "guarded", "others", "twin1", "twin2")},
    }
    for name in hosts:
        result = run.fact("enable_winrm_result", name)
        assert result.keys() == RESULT
        (url,) = seen.references(name)
        (version,) = [one for one in seen.versions(secret_of(name)) if one["version"] == url.rpartition("/")[2]]
        vault = "others-vault" if name == "others" else VAULT
        assert url.startswith(f"https://{vault}.vault.azure.net/secrets/{secret_of(name)}/")
        expected = {
            "address": addresses[name],
            "port": 5986,
            "thumbprint": version["tags"]["thumbprint"] if name != "inside" else result["thumbprint"],
            "secret_url": url,
            "vault": vault,
            "channel": "resource_manager" if name == "guarded" else "data_plane",
            "trust_file": str(controller.trust / f"{GROUP}.{name}.pem"),
        }
        assert {key: result[key] for key in expected} == expected
        (listener,) = [one for one in guest(seen, name)["winrm"]["listeners"] if one["transport"] == "HTTPS"]
        assert listener["certificate_thumbprint"] == result["thumbprint"]
        (installed,) = [one for one in guest(seen, name)["certificates"] if one["thumbprint"] == result["thumbprint"]]
        assert result["not_after"] == installed["not_after"]
        assert result["connection"]["ansible_host"] == result["address"]
        assert result["connection"]["ansible_connection"] == "ansible.builtin.psrp"
        assert "BEGIN CERTIFICATE" in Path(result["trust_file"]).read_text(encoding="ascii")


def secret_of(vm: str) -> str:
    return "twins" if vm.startswith("twin") else f"winrm-{vm}"


def guest(seen: Seen, vm: str) -> Json:
    (found,) = [guest for id, guest in seen.state["guests"].items() if id.endswith(f"/{vm}")]
    return t.cast("Json", found)


def each_rule_is_as_wanted(seen: Seen) -> None:
    rules = seen.rules("ways-nsg")
    expected = {"Managed-by-Ansible", *(f"Port_5986_{name}" for name in ("inside", "guarded", "twin1", "twin2"))}
    (back,) = rules.keys() - expected
    assert rules.keys() == {*expected, back}
    assert "two-nics" in back
    assert "back-nic" in back
    assert rules[back]["destinationAddressPrefix"] == seen.private("back")
    assert rules["Managed-by-Ansible"]["priority"] == 555
    assert rules["Managed-by-Ansible"]["sourceAddressPrefix"] == "*"
    assert seen.rules("others-nsg").keys() == {"Managed"}


def each_certificate_is_as_wanted(seen: Seen) -> None:
    (twins,) = seen.versions("twins")
    (named,) = seen.versions("winrm-named")
    assert seen.references("twin1") == seen.references("twin2") != []
    (installed,) = [
        each for each in guest(seen, "named")["certificates"] if each["thumbprint"] == named["tags"]["thumbprint"]
    ]
    assert datetime.fromisoformat(installed["not_after"]) - datetime.now(UTC) == pytest.approx(
        timedelta(days=90), abs=timedelta(days=1)
    )
    assert twins["tags"]["names_digest"] != named["tags"]["names_digest"]


def kept_what_people_added(inventory: Json, hosts: t.Iterable[str]) -> None:
    found = inventory["all"]
    assert found["hosts"].keys() == {"retired", *hosts}
    assert {key: found["hosts"]["named"][key] for key in ("owner", "greeting")} == {
        "owner": "me",
        "greeting": "{{ 1 + 1 }}",
    }
    assert {key: found[key] for key in ("children", "vars")} == {key: ADDED["all"][key] for key in ("children", "vars")}


def taken_back(before: Json, after: Json) -> None:
    """Nothing is left that was not there before, but for what the role says that it leaves."""
    left = differences(end_state(after), end_state(before))
    expected = ("/vaults", "/certificates[")
    assert [each for each in left if not any(word in each for word in expected)] == []
