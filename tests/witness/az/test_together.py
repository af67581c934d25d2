# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az and our own roles and modules on the same resources: each sees what the other did, as it is."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.support.controller import CLONE
from ansible_collections.azvm.access.tests.integration.support.stock_clients import whoami

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.support.controller import Controller, Finished
    from ansible_collections.azvm.access.tests.witness.az.cli import Az
    from ansible_collections.azvm.access.tests.witness.az.conftest import Cloud

PLAYS = Path(__file__).parent / "plays"
ROLE = CLONE / "tests" / "integration" / "enable_winrm" / "plays" / "role.yml"
GROUP = "--resource-group access-demo"
RULE = f"{GROUP} --nsg-name subnet-nsg --name Rdp"


def enable_winrm(controller: Controller) -> Finished:
    """Run the role enable_winrm for win1."""
    hosts = {"win1": {"resource_group": "access-demo", "allowed_sources": ["127.0.0.1"]}}
    return controller.play(ROLE, hosts=hosts).succeeded()


def test_az_shows_what_the_role_did_and_touching_it_by_az_changes_nothing_for_the_role(
    az: Az, cloud: Cloud, controller: Controller
) -> None:
    run = enable_winrm(controller)
    assert run.changed("win1")
    ((vault,), (reference,)) = az("keyvault list"), az(f"vm secret list {GROUP} --name win1")
    assert reference["sourceVault"]["id"] == vault["id"]
    (entry,) = reference["vaultCertificates"]
    secret = az(f"keyvault secret show --id {entry['certificateUrl']} --query tags")
    thumbprints = {one["thumbprint"] for one in cloud.guest("win1")["certificates"]}
    assert thumbprints & {value.upper() for value in secret.values()}
    rules = {one["name"]: one for one in az(f"network nsg rule list {GROUP} --nsg-name win1-nsg")}
    assert rules["Port_5986"]["sourceAddressPrefix"] == "127.0.0.1"

    # Each of these writes the whole resource back as az spells it.
    az(f"network nsg rule update {GROUP} --nsg-name win1-nsg --name Port_5986 --source-address-prefixes 127.0.0.1")
    az(f"network nsg rule create {GROUP} --nsg-name win1-nsg --name Other --priority 400 --access Deny")
    for kind in ("network nsg", "network nic", "network public-ip"):
        az(f"{kind} update {GROUP} --name win1-{kind[-3:].strip('- ')} --set tags.touched=yes")
    az(f"vm update {GROUP} --name win1 --set tags.touched=yes")
    az(f"keyvault update {GROUP} --name {vault['name']} --set tags.touched=yes")
    az(f"keyvault secret set --vault-name {vault['name']} --name other --value mine")

    assert enable_winrm(controller).changed() == []
    assert (cloud.find("win1") or {})["tags"] == {"touched": "yes"}
    assert {*cloud.rules("win1-nsg")} == {"AllowHttps", "Other", "Port_5986"}
    assert "other" in cloud.kept(vault["name"], "secrets")


def test_passwords_set_by_az_and_by_our_module_follow_each_other(az: Az, cloud: Cloud, controller: Controller) -> None:
    enable_winrm(controller)
    (trust,) = controller.trust.iterdir()
    environment = cloud.azure.server.env
    address = cloud.properties("win1-ip")["ipAddress"]
    user = f"vm user update {GROUP} --name win1 --username {environment['LOCAL_AZURE_VM_USER']}"

    def signs_in(password: str) -> bool:
        return "azureuser" in whoami(address, trust, {**environment, "LOCAL_AZURE_VM_PASSWORD": password})

    first = az(f"{user} --password Witness-1-by-az")
    assert signs_in("Witness-1-by-az")
    done = controller.play(PLAYS / "reset.yml", variables={"new_password": "Witness-2-by-us"}).succeeded()
    assert done.of("Password")["changed"] is True
    assert signs_in("Witness-2-by-us")
    assert az(f"{user} --password Witness-3-by-az")["id"] == first["id"]
    assert signs_in("Witness-3-by-az")
    (extension,) = az(f"vm extension list {GROUP} --vm-name win1")
    assert extension["id"] == first["id"]


def test_what_az_made_our_modules_take_as_it_is(
    az: Az, cloud: Cloud, controller: Controller, vault: str, certificate: str
) -> None:
    az(f"network public-ip create {GROUP} --name az-ip --sku Standard")
    az(f"network nic ip-config update {GROUP} --nic-name win2-nic --name ipconfig1 --public-ip-address az-ip")
    az(f"vm secret add {GROUP} --name win2 --keyvault {vault} --certificate {certificate}")
    az(
        f"network nsg rule create {RULE} --priority 310 --protocol Tcp --destination-port-ranges 3389"
        " --source-address-prefixes 127.0.0.1 --destination-address-prefixes 10.0.0.5 --description 'Made by az'"
    )
    before = cloud.properties(vault)
    rule = az(f"network nsg rule show {RULE}")
    run = controller.play(PLAYS / "modules.yml").succeeded()
    assert {name: run.of(name)["changed"] for name in ("Power", "Address", "Certificate", "Rule")} == {
        "Power": False,
        "Address": False,
        "Certificate": True,
        "Rule": True,
    }
    assert run.of("Address")["public_address"]["address"] == cloud.properties("az-ip")["ipAddress"]
    assert cloud.properties(vault) == before
    # Ours stands beside the one that az made, in the one group that a vault may have.
    (group,) = az(f"vm secret list {GROUP} --name win2")
    names = [one["certificateUrl"].split("/")[4] for one in group["vaultCertificates"]]
    assert names == [certificate, "winrm-win2"]
    # The rule that az made becomes ours by the mark in its description, and by nothing else.
    ours = az(f"network nsg rule show {RULE}")
    assert {name for name in {**rule, **ours} if rule.get(name) != ours.get(name)} == {"description", "etag"}
    assert ours["description"].startswith("Made by az")

    az(f"vm secret remove {GROUP} --name win2 --keyvault {vault} --certificate {certificate}")
    assert controller.play(PLAYS / "modules.yml").succeeded().changed() == []
    az(f"network nsg rule delete {RULE}")
    again = controller.play(PLAYS / "modules.yml", "--tags", "rule").succeeded()
    assert again.changed() == ["Rule"]
    assert az(f"network nsg rule show {RULE}")["sourceAddressPrefix"] == "127.0.0.1"
