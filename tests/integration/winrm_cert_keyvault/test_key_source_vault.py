# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_source: vault, where Key Vault makes key and certificate itself."""

from __future__ import annotations

import ipaddress
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.keyvault.certificates import CertificateClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench

SECRET = "winrm-win1"


def certificates(bench: Bench) -> CertificateClient:
    client = bench.azure.certificates(f"https://{bench.vault_name}.vault.azure.net/")
    bench.closing.callback(client.close)
    return client


def test_is_made_with_every_name_and_address_and_left_alone(
    bench: Bench, record_property: t.Callable[[str, object], None]
) -> None:
    predicted = bench.run(key_source="vault", check_mode=True)
    assert bench.control.writes() == []
    assert predicted.changed
    made = bench.run(key_source="vault")
    requests = len(bench.control.journal())
    certificate = x509.load_der_x509_certificate(bytes(certificates(bench).get_certificate(SECRET).cer or b""))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == made.thing["dns_names"]
    assert sorted(str(each) for each in names.get_values_for_type(x509.IPAddress)) == made.thing["ip_addresses"]
    assert ipaddress.ip_address("10.0.0.4") in names.get_values_for_type(x509.IPAddress)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert made.thing["thumbprint"] == certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - Windows' word
    assert made.thing["thumbprint_sha256"] == certificate.fingerprint(hashes.SHA256()).hex().upper()
    assert x509.load_pem_x509_certificate(made.thing["pem"].encode()) == certificate
    assert bench.references() == [made.thing["secret_url"]]
    assert [one["thumbprint"] for one in bench.guest()["certificates"]] == [made.thing["thumbprint"]]

    again = bench.run(key_source="vault")
    assert bench.control.writes() == []
    assert not again.changed
    assert {**made.thing, "renewed": False, "reason": None} == again.thing
    record_property(
        "summary",
        f"winrm_cert_keyvault, key_source vault: first run {requests} requests,"
        f" second run {len(bench.control.journal())}",
    )


def test_other_names_make_a_new_version(bench: Bench) -> None:
    old = bench.run(key_source="vault").thing
    new = bench.run(key_source="vault", dns_names=["win1.example.com"]).thing
    assert new["previous"] == [old["secret_url"]]
    assert new["common_name"] == "win1.example.com"
    assert bench.references() == [old["secret_url"], new["secret_url"]]


def test_is_renewed_when_it_is_due(bench: Bench) -> None:
    old = bench.run(key_source="vault").thing
    bench.forward(days=320)
    assert not bench.run(key_source="vault").changed
    bench.forward(days=20)
    new = bench.run(key_source="vault", previous_references="remove").thing
    assert new["not_after"] > old["not_after"]
    assert bench.references() == [new["secret_url"]]
    assert not bench.run(key_source="vault").changed


def test_a_removed_certificate_comes_back(bench: Bench) -> None:
    made = bench.run(key_source="vault").thing
    gone = bench.run(key_source="vault", state="absent", remove_certificate=True)
    assert gone.thing["removed"]
    assert bench.references() == []
    error = bench.refused(key_source="vault", recover_deleted=False)
    assert error.code == "ObjectIsDeletedButRecoverable"
    assert bench.control.writes() == []
    assert not bench.run(key_source="vault", check_mode=True).thing["renewed"]
    back = bench.run(key_source="vault")
    assert back.thing["secret_url"] == made["secret_url"]
    assert bench.references() == [made["secret_url"]]
    assert not bench.run(key_source="vault").changed


def test_a_contributor_is_told_which_role_is_missing(bench: Bench) -> None:
    error = bench.refused(key_source="vault", principal="contributor", rights_timeout=1)
    assert error.code == "ForbiddenByRbac"
    assert "Key Vault Certificates Officer" in error.hint
    assert "Secrets Officer" not in error.hint
    assert bench.references() == []


def test_access_policies_without_certificates(bench: Bench) -> None:
    policy = {"principal": "default", "permissions": {"secrets": ["all"]}}
    properties = {"enableRbacAuthorization": False, "accessPolicies": [policy]}
    bench.scenario(
        keyvault={"vaults": [{"name": "ops-vault", "resource_group": "access-demo", "properties": properties}]}
    )
    error = bench.refused(key_source="vault", vault_name="ops-vault", rights_timeout=600, seconds=20)
    assert error.code == "ForbiddenByPolicy"
    assert "certificate permissions" in error.hint


def test_the_source_of_a_key_does_not_change_under_one_name(bench: Bench) -> None:
    bench.run(key_source="vault")
    error = bench.refused(key_source="controller")
    assert error.code == "CertificateOfVault"
    assert "key_source: vault" in error.hint
    assert bench.control.writes() == []
    assert bench.run(key_source="controller", certificate_name="winrm-other").changed


def test_a_secret_stands_in_the_way_of_a_certificate(bench: Bench) -> None:
    made = bench.run(key_source="controller").thing
    error = bench.refused(key_source="vault")
    assert error.code == "Conflict"
    assert "another certificate_name" in error.hint
    assert bench.references() == [made["secret_url"]]


@pytest.mark.parametrize("there", [True, False])
def test_two_runs_at_once_are_served_by_one_version(bench: Bench, *, there: bool) -> None:
    bench.run(key_source="vault" if there else "controller")  # so that there is a vault
    wish: dict[str, t.Any] = {
        "key_source": "vault",
        "force_renew": there,
        "certificate_name": SECRET if there else "made-there",
    }
    fault = bench.control.fault("hang-operation", method="POST", path="^/certificates/.*/create$", times=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(bench.run, **wish)
        assert bench.control.reached(fault, unless=first.done)
        asked = bench.control.fault("delay", method="POST", path="^/certificates/.*/create$")
        second = pool.submit(bench.run, **wish)
        assert bench.control.reached(asked, unless=second.done)
        bench.control.clear_fault(fault)
        urls = {each.result(60).thing["secret_url"] for each in (first, second)}
    assert len(urls) == 1
    found = list(certificates(bench).list_properties_of_certificate_versions(wish["certificate_name"]))
    assert len(found) == 1 + there
