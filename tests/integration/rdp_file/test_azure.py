# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and names as Azure knows them, and a publisher's key that stays in its vault."""

from __future__ import annotations

import typing as t

import pytest
from azure.keyvault.certificates import CertificatePolicy
from azure.mgmt.network.models import PublicIPAddress
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.azvm.access.plugins.module_utils._domain.publisher import has_signed, publisher_with
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_settings import decode, parse
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_signature import message_of, signature_of
from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import GROUP, VAULT
from ansible_collections.azvm.access.tests.unit.domain.publishers import (
    certificate,
    pem_key,
    pem_of,
    verified_by_openssl,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Office

FQDN = "access-demo-win1.westeurope.cloudapp.azure.com"
SIGN_WITH = {"vault_name": VAULT, "certificate_name": "publisher"}


def test_the_dns_name_is_taken_first(office: Office) -> None:
    made = office.win1(username="azureuser")
    assert made.thing["address"] == FQDN
    assert made.thing["username"] == "win1\\azureuser"
    assert office.lines()[:2] == [f"full address:s:{FQDN}:3389", "username:s:win1\\azureuser"]
    assert office.control.writes() == []
    assert not office.win1(username="azureuser").changed


def test_each_kind_of_address(office: Office) -> None:
    public = office.azure.network.public_ip_addresses.get(GROUP, "win1-ip").ip_address
    found = {kind: office.win1(address_type=kind).thing["address"] for kind in ("fqdn", "public", "private")}
    assert found["fqdn"] == FQDN
    assert found["public"] == public
    assert found["private"].startswith("10.0.0.")


def test_another_network_interface_and_port(office: Office) -> None:
    office.scenario(
        network={
            "networkInterfaces": [
                {"name": "win1-nic", "subnet": "access-vnet/default", "publicIPAddress": "win1-ip"},
                {"name": "win1-inside", "subnet": "access-vnet/default"},
            ]
        },
        vm={"network_interfaces": ["win1-nic", "win1-inside"]},
    )
    inside = office.win1(network_interface="win1-inside", port=3390)
    assert inside.thing["address"].startswith("10.0.0.")
    assert inside.thing["port"] == 3390
    assert office.win1(port=3390).thing["address"] == FQDN


def test_through_a_load_balancer(office: Office) -> None:
    office.scenario(
        network={
            "networkInterfaces": [
                {
                    "name": "win1-nic",
                    "subnet": "access-vnet/default",
                    "loadBalancerInboundNatRules": ["front/win1-rdp"],
                }
            ],
            "loadBalancers": [
                {
                    "name": "front",
                    "frontendIPConfigurations": [{"name": "outside", "publicIPAddress": "win1-ip"}],
                    "inboundNatRules": [{"name": "win1-rdp", "frontendPort": 50001, "backendPort": 3389}],
                }
            ],
        }
    )
    made = office.win1()
    assert (made.thing["address"], made.thing["port"]) == (FQDN, 50001)
    assert made.thing["nat_rule"].endswith("/loadBalancers/front/inboundNatRules/win1-rdp")
    assert office.lines()[0] == f"full address:s:{FQDN}:50001"
    assert office.win1(address_type="private").thing["port"] == 3389
    other = office.win1(port=3390).thing
    assert other["address"].startswith("10.0.0."), "no rule leads to that port"


def test_without_a_public_address_the_private_one_is_taken(office: Office) -> None:
    office.scenario(network={"networkInterfaces": [{"name": "win1-nic", "subnet": "access-vnet/default"}]})
    assert office.win1().thing["address"].startswith("10.0.0.")
    for kind in ("public", "fqdn"):
        error = office.refused_win1(address_type=kind)
        assert error.code == "NoAddress"
        assert "win1-nic" in error.message


def test_a_deallocated_vm_still_has_its_static_address(office: Office) -> None:
    office.azure.compute.virtual_machines.begin_deallocate(GROUP, "win1").result()
    assert office.win1().thing["address"] == FQDN


def test_a_dynamic_address_is_gone_while_the_vm_is(office: Office) -> None:
    office.scenario(
        network={
            "publicIPAddresses": [
                {"name": "win1-ip", "publicIPAllocationMethod": "Dynamic", "sku": "Basic"},
            ],
            "networkInterfaces": [
                {"name": "win1-nic", "subnet": "access-vnet/default", "publicIPAddress": "win1-ip"},
            ],
        }
    )
    office.azure.compute.virtual_machines.begin_deallocate(GROUP, "win1").result()
    found: PublicIPAddress = office.azure.network.public_ip_addresses.get(GROUP, "win1-ip")
    assert found.ip_address is None, "the test's own premise"
    error = office.refused_win1()
    assert error.code == "PublicAddressNotAllocated"
    assert "deallocated" in error.message
    assert office.win1(address_type="private").thing["address"].startswith("10.0.0.")


def test_the_computer_name_is_what_counts(office: Office) -> None:
    office.scenario(vm={"computer_name": "WIN-4J2K"})
    made = office.win1(username="win1\\azureuser")
    assert made.thing["computer_name"] == "WIN-4J2K"
    assert "Local Security Authority" in made.warnings[0]
    assert "WIN-4J2K\\azureuser" in made.warnings[0]
    assert office.win1(username="azureuser").thing["username"] == "WIN-4J2K\\azureuser"


def test_a_wrong_name_writes_nothing(office: Office) -> None:
    error = office.refused(resource_group=GROUP, vm_name="win9")
    assert error.code == "ResourceNotFound"
    assert "win9" in error.message
    assert list(office.folder.iterdir()) == []


def test_a_bad_destination_is_said_before_azure_is_asked(office: Office) -> None:
    office.control.mark()
    assert office.refused_win1(dest=str(office.folder / "none" / "win1.rdp")).code == "FolderNotFound"
    assert office.control.journal() == []


def test_the_vault_signs_and_keeps_its_key(office: Office) -> None:
    certificate = office.vault()
    office.grant("Key Vault Crypto User")
    made = office.win1(sign_with=SIGN_WITH)
    signed = made.thing["signed"]
    assert signed["key_source"] == "vault"
    assert signed["thumbprint"] == certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303
    requests = office.vault_requests()
    assert [one.rpartition("/")[2] for one in requests if one.startswith("POST")] == ["sign"]
    assert not any("/secrets/" in one for one in requests), "the key is never asked for"
    settings = parse(decode((office.folder / "win1.rdp").read_bytes())[0])

    def unused(_message: bytes) -> bytes:
        raise AssertionError("nothing is signed here")

    publisher = publisher_with(certificate.public_bytes(Encoding.DER), unused, source="vault")
    signature = signature_of(settings)
    assert signature is not None
    assert has_signed(publisher, signature, message_of(settings))


def test_a_vaults_certificate_of_an_authority_wants_its_chain(office: Office, tmp_path: Path) -> None:
    """The vault has the chain beside the private key only, and that is never asked for."""
    office.vault()
    office.grant("Key Vault Crypto User")
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _each in range(3)]
    root = certificate(keys[0], name="Root", is_ca=True, usages=())
    middle = certificate(keys[1], name="Middle", issuer=(root, keys[0]), is_ca=True, usages=())
    own = certificate(keys[2], issuer=(middle, keys[1]))
    pem = pem_of(own, middle) + pem_key(keys[2])
    policy = CertificatePolicy(issuer_name="Unknown", content_type="application/x-pem-file", exportable=False)
    office.azure.certificates(f"https://{VAULT}.vault.azure.net/").import_certificate("publisher", pem, policy=policy)

    (warning,) = office.win1(sign_with=SIGN_WITH).warnings
    assert "chain_file" in warning
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pem_of(middle))
    made = office.win1(sign_with={**SIGN_WITH, "chain_file": str(chain)})
    assert (made.changed, made.warnings, made.thing["kept"]) == (True, (), False)
    assert not any("/secrets/" in one for one in office.vault_requests())

    settings = parse(decode((office.folder / "win1.rdp").read_bytes())[0])
    signature = signature_of(settings)
    assert signature is not None
    assert verified_by_openssl(signature, message_of(settings), root=root, folder=tmp_path)


def test_the_vault_is_not_asked_to_sign_again(office: Office) -> None:
    office.vault()
    office.grant("Key Vault Crypto User")
    office.win1(sign_with=SIGN_WITH)
    again = office.win1(sign_with=SIGN_WITH)
    assert not again.changed
    assert [one for one in office.vault_requests() if one.startswith("POST")] == []
    predicted = office.win1(sign_with=SIGN_WITH, port=3390, check_mode=True)
    assert predicted.changed
    assert [one for one in office.vault_requests() if one.startswith("POST")] == []


def test_a_new_version_of_the_certificate_signs_again(office: Office) -> None:
    office.vault()
    office.grant("Key Vault Crypto User")
    first = office.win1(sign_with=SIGN_WITH).thing["signed"]
    office.issue()
    renewed = office.win1(sign_with=SIGN_WITH)
    assert renewed.changed
    assert renewed.thing["signed"]["thumbprint"] != first["thumbprint"]


def test_without_the_right_to_sign_nothing_is_written(office: Office) -> None:
    """Reading the certificate is not enough."""
    office.vault()
    error = office.refused_win1(sign_with=SIGN_WITH)
    assert error.code == "ForbiddenByRbac"
    assert "Key Vault Crypto User" in error.hint
    assert list(office.folder.iterdir()) == []


def test_no_other_right_to_the_key_is_needed(office: Office) -> None:
    """Not even that to read it: the certificate tells all."""
    office.vault(permissions={"certificates": ["get", "create"], "keys": ["sign"]})
    assert office.win1(sign_with=SIGN_WITH).changed
    office.vault(permissions={"certificates": ["get", "create"], "keys": ["get"]})
    error = office.refused_win1(sign_with=SIGN_WITH, port=3390)
    assert error.code == "ForbiddenByPolicy"
    assert "key permission sign" in error.hint


def test_a_vaults_elliptic_key_is_refused(office: Office) -> None:
    office.vault(key_type="EC", key_curve_name="P-256")
    error = office.refused_win1(sign_with=SIGN_WITH)
    assert error.code == "PublisherKeyNotRsa"
    assert "publisher" in error.message


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        ({"vault_name": VAULT, "certificate_name": "none"}, "CertificateNotFound"),
        ({"vault_name": "no-such-vault-here", "certificate_name": "publisher"}, None),
    ],
)
def test_a_publisher_that_is_not_there(office: Office, signer: dict[str, str], code: str | None) -> None:
    office.vault()
    error = office.refused_win1(sign_with=signer)
    assert code in (None, error.code)
    assert signer["vault_name"] in error.message
    assert list(office.folder.iterdir()) == []
