# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys behind certificates: read, sign, and who may."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ansible_collections.azvm.access.tests.unit.local_azure.keyvault.conftest import Plane, code
from local_azure.core.roles import BUILT_IN
from local_azure.core.wire import Json

MESSAGE = b"message"
DIGEST = base64.urlsafe_b64encode(hashlib.sha256(MESSAGE).digest()).decode().rstrip("=")


@pytest.fixture
def allowed(plane: Plane) -> Plane:
    """The default principal may also sign."""
    grant(plane, "Key Vault Crypto User")
    return plane


def grant(plane: Plane, role: str) -> None:
    principal = plane.azure.authorization.principal_named("default")
    assert principal is not None
    plane.azure.authorization.grant(principal.object_id, next(one for one in BUILT_IN if one.name == role), plane.id())


def make(plane: Plane, name: str = "publisher", **policy: Any) -> Json:
    """An issued certificate, as the vault shows it."""
    wanted = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=Publisher"}} | policy
    made = plane.data("POST", f"/certificates/{name}/create", {"policy": wanted})
    assert made.status_code == 202, made.text
    shown: Json = plane.data("GET", f"/certificates/{name}").json()
    return shown


def sign(plane: Plane, certificate: Json, **body: Any) -> httpx.Response:
    path = "/keys/" + certificate["kid"].split("/keys/")[1]
    return plane.data("POST", f"{path}/sign", {"alg": "RS256", "value": DIGEST} | body)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_key_shows_its_public_half(allowed: Plane) -> None:
    made = make(allowed)
    shown = allowed.data("GET", "/keys/publisher").json()
    public = x509.load_der_x509_certificate(base64.b64decode(made["cer"])).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert shown["key"]["kid"] == made["kid"]
    assert int.from_bytes(decoded(shown["key"]["n"]), "big") == public.public_numbers().n
    assert shown["key"]["key_ops"] == ["sign", "verify", "wrapKey", "unwrapKey"]
    assert shown["managed"] is True
    assert "d" not in shown["key"]


def test_a_signature_is_that_of_the_certificate(allowed: Plane) -> None:
    """Also of one whose key can't be taken out."""
    made = make(allowed, key_props={"exportable": False, "kty": "RSA", "key_size": 2048, "reuse_key": False})
    answer = sign(allowed, made).json()
    public = x509.load_der_x509_certificate(base64.b64decode(made["cer"])).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(decoded(answer["value"]), MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    assert answer["kid"] == made["kid"]


def test_reading_certificates_gives_no_right_to_sign(plane: Plane) -> None:
    made = make(plane)
    assert code(sign(plane, made)) == (403, "Forbidden", "ForbiddenByRbac")
    grant(plane, "Key Vault Certificate User")
    assert code(sign(plane, made)) == (403, "Forbidden", "ForbiddenByRbac")
    grant(plane, "Key Vault Crypto User")
    assert sign(plane, made).status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"value": "c2hvcnQ"}, (400, "BadParameter", None)),
        ({"value": "no base64!"}, (400, "BadParameter", None)),
        ({"value": None}, (400, "BadParameter", None)),
        ({"alg": "PS256"}, (501, "NotModelled", None)),
    ],
)
def test_what_can_not_be_signed_is_refused(
    allowed: Plane, body: dict[str, Any], expected: tuple[int, str, str | None]
) -> None:
    assert code(sign(allowed, make(allowed), **body)) == expected


def test_an_ec_key_does_not_sign_with_an_rsa_algorithm(allowed: Plane) -> None:
    made = make(allowed, key_props={"exportable": True, "kty": "EC", "crv": "P-256", "reuse_key": False})
    assert code(sign(allowed, made)) == (400, "BadParameter", None)
    assert allowed.data("GET", "/keys/publisher").json()["key"]["crv"] == "P-256"


def test_a_key_for_other_uses_does_not_sign(allowed: Plane) -> None:
    made = make(allowed, x509_props={"subject": "CN=Publisher", "key_usage": ["keyEncipherment"]})
    assert code(sign(allowed, made))[:2] == (403, "Forbidden")


def test_a_disabled_or_expired_key_does_not_sign(allowed: Plane) -> None:
    made = make(allowed)
    allowed.azure.clock.advance(timedelta(days=400))
    assert code(sign(allowed, made))[:2] == (403, "Forbidden")
    again = make(allowed)
    allowed.data("PATCH", "/certificates/publisher", {"attributes": {"enabled": False}})
    assert code(sign(allowed, again)) == (403, "Forbidden", "KeyDisabled")


def test_what_is_not_there(allowed: Plane) -> None:
    missing = allowed.data("GET", "/keys/publisher")
    assert code(missing)[:2] == (404, "KeyNotFound")
    assert missing.json()["error"]["message"].startswith("A key with (name/id) publisher")
    make(allowed)
    assert code(allowed.data("GET", "/keys/publisher/0123"))[:2] == (404, "KeyNotFound")
