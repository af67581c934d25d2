# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in the vault's plane, and the secrets that belong to them."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from local_azure.core.wire import Json

from .conftest import VAULT, Plane, code

POLICY: Json = {
    "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
    "secret_props": {"contentType": "application/x-pkcs12"},
    "x509_props": {
        "subject": "CN=win1",
        "sans": {"dns_names": ["win1"], "ipAddresses": ["203.0.113.9"]},
        "ekus": ["1.3.6.1.5.5.7.3.1"],
        "key_usage": ["digitalSignature", "keyEncipherment"],
        "validity_months": 12,
    },
    "issuer": {"name": "Self"},
}


def create(plane: Plane, name: str = "c", policy: Json | None = None, **body: Any) -> Json:
    answer = plane.data("POST", f"/certificates/{name}/create", {"policy": policy or POLICY} | body)
    assert answer.status_code == 202
    assert answer.json()["status"] == "inProgress"
    assert answer.headers["location"].startswith(f"https://{VAULT}.vault.azure.net/certificates/{name}/pending?")
    shown: Json = plane.data("GET", f"/certificates/{name}").json()
    return shown


def test_issued_certificate(plane: Plane) -> None:
    shown = create(plane, tags={"for": "win1"})
    certificate = x509.load_der_x509_certificate(base64.b64decode(shown["cer"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("203.0.113.9")]
    attributes = shown["attributes"]
    assert attributes["created"] - attributes["nbf"] == 600
    assert shown["tags"] == {"for": "win1"}
    assert shown["x5t"] == base64.urlsafe_b64encode(certificate.fingerprint(SHA1())).decode().rstrip("=")  # noqa: S303
    assert shown["policy"]["x509_props"]["sans"]["ipAddresses"] == ["203.0.113.9"]
    version = shown["id"].rsplit("/", 1)[1]
    assert shown["sid"] == f"https://{VAULT}.vault.azure.net/secrets/c/{version}"
    assert plane.data("GET", "/certificates/c/pending").json()["status"] == "completed"


def test_the_secret_is_the_pfx(plane: Plane) -> None:
    shown = create(plane)
    secret = plane.data("GET", "/secrets/c").json()
    assert (secret["contentType"], secret["managed"], secret["id"]) == ("application/x-pkcs12", True, shown["sid"])
    key, certificate, _chain = pkcs12.load_key_and_certificates(base64.b64decode(secret["value"]), None)
    assert key is not None
    assert certificate == x509.load_der_x509_certificate(base64.b64decode(shown["cer"]))
    found = plane.azure.vaults.find_secret(shown["sid"])
    assert found is not None
    assert found.value == secret["value"]


def test_pem_when_asked(plane: Plane) -> None:
    create(plane, policy=POLICY | {"secret_props": {"contentType": "application/x-pem-file"}})
    value = plane.data("GET", "/secrets/c").json()["value"]
    assert value.startswith("-----BEGIN PRIVATE KEY-----")
    assert "-----BEGIN CERTIFICATE-----" in value


def test_issuance_takes_a_moment(start: Callable[..., Plane]) -> None:
    plane = start(pace=1.0)
    plane.create()
    plane.data("POST", "/certificates/c/create", {"policy": POLICY})
    assert plane.data("GET", "/certificates/c/pending").json()["status"] == "inProgress"
    assert code(plane.data("GET", "/certificates/c"))[:2] == (404, "CertificateNotFound")
    assert code(plane.data("GET", "/secrets/c"))[2] == "SecretDisabled"
    again = plane.data("POST", "/certificates/c/create", {"policy": POLICY})
    assert code(again)[:2] == (409, "Conflict")
    plane.azure.clock.advance(timedelta(seconds=11))
    pending = plane.data("GET", "/certificates/c/pending").json()
    assert (pending["status"], pending["target"]) == ("completed", f"https://{VAULT}.vault.azure.net/certificates/c")
    states = [one["attributes"]["enabled"] for one in plane.data("GET", "/secrets/c/versions").json()["value"]]
    assert sorted(states) == [False, True]


def test_a_new_version_keeps_the_old_one(plane: Plane) -> None:
    first = create(plane)
    second = create(plane)
    assert first["id"] != second["id"]
    assert first["x5t"] != second["x5t"]
    listed = plane.data("GET", "/certificates/c/versions").json()["value"]
    assert {one["id"] for one in listed} == {first["id"], second["id"]}
    old = plane.data("GET", first["id"].removeprefix(f"https://{VAULT}.vault.azure.net")).json()
    assert old["x5t"] == first["x5t"]
    assert "policy" not in old
    assert plane.data("GET", first["sid"].removeprefix(f"https://{VAULT}.vault.azure.net")).status_code == 200
    assert len(plane.data("GET", "/certificates").json()["value"]) == 1


def test_ip_addresses_need_a_newer_version(plane: Plane) -> None:
    answer = plane.data("POST", "/certificates/c/create", {"policy": POLICY}, version="7.5")
    assert code(answer)[:2] == (400, "BadParameter")
    answer = plane.data("POST", "/certificates/c/create", {"policy": POLICY}, version="2025-07-01")
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "change",
    [
        {"key_props": {"key_size": 1024}},
        {"key_props": {"kty": "RSA-HSM"}},
        {"key_props": {"kty": "EC", "crv": "P-1"}},
        {"secret_props": {"contentType": "text/plain"}},
        {"x509_props": {"subject": "win1"}},
        {"x509_props": {"subject": ""}},
        {"x509_props": {"subject": "CN=" + "x" * 65}},
        {"x509_props": {"subject": "CN=a", "validity_months": 0}},
        {"x509_props": {"subject": "CN=a", "key_usage": ["everything"]}},
        {"x509_props": {"subject": "CN=a", "sans": {"ipAddresses": ["1.2.3"]}}},
        {"x509_props": {"subject": "CN=a", "sans": {"dns_names": "a"}}},
        {"x509_props": {"subject": "CN=a", "sans": {"ip_addresses": ["1.2.3.4"]}}},
        {"lifetime_actions": [{"trigger": {"lifetime_percentage": 100}, "action": {"action_type": "AutoRenew"}}]},
    ],
)
def test_bad_policies(plane: Plane, change: Json) -> None:
    policy = {"x509_props": {"subject": "CN=a"}, "issuer": {"name": "Self"}} | change
    assert code(plane.data("POST", "/certificates/c/create", {"policy": policy}))[:2] == (400, "BadParameter")


def test_other_issuers_are_not_modelled(plane: Plane) -> None:
    answer = plane.data("POST", "/certificates/c/create", {"policy": POLICY | {"issuer": {"name": "DigiCert"}}})
    assert code(answer)[:2] == (501, "NotModelled")
    assert code(plane.data("POST", "/certificates/c/create", {}))[:2] == (400, "BadParameter")


def test_elliptic_curves_and_no_export(plane: Plane) -> None:
    create(plane, policy=POLICY | {"key_props": {"kty": "EC", "crv": "P-256", "exportable": False}})
    value = base64.b64decode(plane.data("GET", "/secrets/c").json()["value"])
    key, _certificate, certificates = pkcs12.load_key_and_certificates(value, None)
    assert key is None
    assert len(certificates) == 1


def test_import_of_an_exported_certificate(plane: Plane) -> None:
    made = create(plane)
    value = plane.data("GET", "/secrets/c").json()["value"]
    imported = plane.data("POST", "/certificates/copy/import", {"value": value, "tags": {"a": "b"}})
    assert imported.status_code == 200
    shown = imported.json()
    assert (shown["x5t"], shown["tags"]) == (made["x5t"], {"a": "b"})
    assert shown["policy"]["x509_props"]["sans"]["dns_names"] == ["win1"]
    assert shown["policy"]["x509_props"]["validity_months"] == 13
    assert "pending" not in shown
    assert plane.data("GET", "/secrets/copy").json()["managed"] is True
    assert code(plane.data("POST", "/certificates/x/import", {"value": "bm8="}))[:2] == (400, "BadParameter")
    assert code(plane.data("POST", "/certificates/x/import", {}))[:2] == (400, "BadParameter")


def test_update_reaches_the_secret(plane: Plane) -> None:
    shown = create(plane)
    changed = plane.data("PATCH", "/certificates/c", {"attributes": {"enabled": False}, "tags": {"x": "y"}}).json()
    assert (changed["attributes"]["enabled"], changed["tags"]) == (False, {"x": "y"})
    assert code(plane.data("GET", "/secrets/c"))[2] == "SecretDisabled"
    found = plane.azure.vaults.find_secret(shown["sid"])
    assert found is not None
    assert found.enabled is False


def test_policy_read_and_change(plane: Plane) -> None:
    create(plane)
    changed = plane.data("PATCH", "/certificates/c/policy", {"x509_props": {"validity_months": 24}}).json()
    assert changed["x509_props"]["validity_months"] == 24
    assert changed["x509_props"]["subject"] == "CN=win1"
    assert plane.data("GET", "/certificates/c/policy").json() == changed
    renewed = plane.data("POST", "/certificates/c/create", {})
    assert renewed.status_code == 202
    attributes = plane.data("GET", "/certificates/c").json()["attributes"]
    assert attributes["exp"] - attributes["nbf"] > 700 * 86400


def test_a_managed_secret_is_not_touched_directly(plane: Plane) -> None:
    create(plane)
    assert plane.data("PUT", "/secrets/c", {"value": "x"}).status_code == 403
    assert plane.data("DELETE", "/secrets/c").status_code == 403


def test_a_plain_secret_blocks_the_name(plane: Plane) -> None:
    plane.data("PUT", "/secrets/c", {"value": "x"})
    answer = plane.data("POST", "/certificates/c/create", {"policy": POLICY})
    assert code(answer)[:2] == (409, "Conflict")
    plane.data("DELETE", "/secrets/c")
    answer = plane.data("POST", "/certificates/c/create", {"policy": POLICY})
    assert code(answer)[2] == "ObjectIsDeletedButRecoverable"


def test_certificate_and_secret_go_and_come_back_together(plane: Plane) -> None:
    shown = create(plane)
    deleted = plane.data("DELETE", "/certificates/c").json()
    assert deleted["recoveryId"] == f"https://{VAULT}.vault.azure.net/deletedcertificates/c"
    assert plane.data("GET", "/secrets/c").status_code == 404
    assert plane.data("GET", "/deletedsecrets/c").status_code == 200
    assert plane.data("GET", "/deletedcertificates/c").json() == deleted
    assert len(plane.data("GET", "/deletedcertificates").json()["value"]) == 1
    conflict = plane.data("POST", "/certificates/c/create", {"policy": POLICY})
    assert code(conflict) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
    assert plane.data("POST", "/deletedsecrets/c/recover", {}).status_code == 403

    assert plane.data("POST", "/deletedcertificates/c/recover", {}).status_code == 200
    assert plane.data("GET", "/certificates/c").json()["id"] == shown["id"]
    assert plane.data("GET", "/secrets/c").json()["id"] == shown["sid"]

    plane.data("DELETE", "/certificates/c")
    assert plane.data("DELETE", "/deletedcertificates/c").status_code == 204
    assert plane.data("GET", "/deletedsecrets/c").status_code == 404
    assert create(plane)["id"] != shown["id"]


def test_certificates_need_their_own_rights(plane: Plane) -> None:
    answer = plane.data("POST", "/certificates/c/create", {"policy": POLICY}, principal="contributor")
    assert code(answer) == (403, "Forbidden", "ForbiddenByRbac")
    assert "certificates/create/action" in answer.json()["error"]["message"]


UNKNOWN = POLICY | {"issuer": {"name": "Unknown"}}


def signed(csr: str) -> str:
    """The request's certificate as another authority would sign it, base64 of DER."""
    request = x509.load_der_x509_csr(base64.b64decode(csr))
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")]))
        .public_key(request.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=9))
        .sign(key, SHA256())
    )
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def test_a_certificate_signed_elsewhere(plane: Plane) -> None:
    begun = plane.data("POST", "/certificates/c/create", {"policy": UNKNOWN}).json()
    assert begun["status_details"] == "Pending certificate created. Please Perform Merge to complete the request."
    plane.world.settle()
    assert plane.data("GET", "/certificates/c/pending").json()["status"] == "inProgress"
    other = plane.data("POST", "/certificates/d/create", {"policy": UNKNOWN}).json()
    wrong = plane.data("POST", "/certificates/c/pending/merge", {"x5c": [signed(other["csr"])]})
    assert code(wrong)[:2] == (400, "BadParameter")
    merged = plane.data("POST", "/certificates/c/pending/merge", {"x5c": [signed(begun["csr"])]})
    assert merged.status_code == 201
    assert merged.json()["policy"]["issuer"] == {"name": "Unknown"}
    assert plane.data("GET", "/certificates/c/pending").json()["status"] == "completed"
    pfx = base64.b64decode(plane.data("GET", "/secrets/c").json()["value"])
    _key, certificate, _chain = pkcs12.load_key_and_certificates(pfx, None)
    assert certificate is not None
    assert certificate.issuer.rfc4514_string() == "CN=authority"


def test_pending_certificates_are_listed_on_request(plane: Plane) -> None:
    plane.data("POST", "/certificates/c/create", {"policy": UNKNOWN})
    assert plane.data("GET", "/certificates").json()["value"] == []
    (shown,) = plane.data("GET", "/certificates", includePending="true").json()["value"]
    assert (shown["subject"], shown["attributes"]["enabled"]) == ("", False)
    assert set(shown) == {"id", "attributes", "subject"}
    cancelled = plane.data("PATCH", "/certificates/c/pending", {"cancellation_requested": True}).json()
    assert (cancelled["cancellation_requested"], cancelled["status"]) == (True, "inProgress")
    assert plane.data("DELETE", "/certificates/c/pending").status_code == 200
    for method, path in (("GET", "pending"), ("PATCH", "pending"), ("POST", "pending/merge")):
        body = {"cancellation_requested": True} if method != "GET" else None
        answer = plane.data(method, f"/certificates/c/{path}", body)
        assert code(answer)[:2] == (404, "PendingCertificateNotFound")
    assert plane.data("GET", "/certificates", includePending="true").json()["value"] == []


def test_a_cancelled_issuance_brings_no_certificate(start: Callable[..., Plane]) -> None:
    plane = start(pace=1.0)
    plane.create()
    plane.data("POST", "/certificates/c/create", {"policy": POLICY})
    plane.data("PATCH", "/certificates/c/pending", {"cancellation_requested": True})
    plane.azure.clock.advance(timedelta(minutes=1))
    assert plane.data("GET", "/certificates/c/pending").json()["status"] == "cancelled"
    assert plane.data("GET", "/certificates").json()["value"] == []


def test_deleted_certificates_are_listed_with_their_way_back(plane: Plane) -> None:
    create(plane)
    plane.data("DELETE", "/certificates/c")
    (shown,) = plane.data("GET", "/deletedcertificates").json()["value"]
    assert shown["attributes"]["recoverableDays"] == 90
    assert "subject" not in shown


def test_contacts(plane: Plane) -> None:
    for method in ("GET", "DELETE"):
        assert code(plane.data(method, "/certificates/contacts"))[:2] == (404, "ContactsNotFound")
    assert code(plane.data("PUT", "/certificates/contacts", {"contacts": [{}]}))[:2] == (400, "BadParameter")
    body = {"contacts": [{"email": "a@example.com", "name": "A"}]}
    expected = {"id": f"https://{VAULT}.vault.azure.net/certificates/contacts", **body}
    assert plane.data("PUT", "/certificates/contacts", body).json() == expected
    assert plane.data("GET", "/certificates/contacts").json() == expected
    assert plane.data("DELETE", "/certificates/contacts").json() == expected
    assert plane.data("GET", "/certificates/contacts").status_code == 404


def test_issuers(plane: Plane) -> None:
    path, id_ = "/certificates/issuers/one", f"https://{VAULT}.vault.azure.net/certificates/issuers/one"
    for method in ("GET", "PATCH", "DELETE"):
        answer = plane.data(method, path, {} if method == "PATCH" else None)
        assert code(answer)[:2] == (404, "CertificateIssuerNotFound")
    assert code(plane.data("PUT", path, {}))[:2] == (400, "BadParameter")
    made = plane.data("PUT", path, {"provider": "Test"}).json()
    assert (made["id"], made["provider"], made["attributes"]["enabled"]) == (id_, "Test", True)
    change = {"credentials": {"account_id": "x", "pwd": "hidden"}, "org_details": {"id": "Org"}}
    plane.data("PATCH", path, change)
    plane.data("PATCH", path, {"org_details": {"admin_details": [{"email": "a@example.com"}]}})
    shown = plane.data("GET", path).json()
    assert shown["credentials"] == {"account_id": "x"}
    assert shown["org_details"] == {"id": "Org", "zip": 0, "admin_details": [{"email": "a@example.com"}]}
    assert plane.data("GET", "/certificates/issuers").json()["value"] == [{"id": id_, "provider": "Test"}]
    assert plane.data("DELETE", path).json() == shown
    assert plane.data("GET", "/certificates/issuers").json() == {"value": [], "nextLink": None}
