# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate policies: read from requests, completed with Key Vault's defaults, and turned into what is issued."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from functools import partial
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ...core.wire import Json
from .. import issuance
from ..issuance import CertificateRequest, KeySpec, Upload
from .attributes import epoch
from .errors import bad_parameter

# Subject alternative names with IP addresses came with this version of the vault's plane.
IP_ADDRESSES_SINCE = "2025-07-01"

RSA_SIZES = (2048, 3072, 4096)
MAX_COMMON_NAME = 64
DEFAULT_LIFETIME_ACTIONS: list[Json] = [
    {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}
]

Read = TypeVar("Read")
Kind = TypeVar("Kind", bound=x509.ExtensionType)

_SANS = ("dns_names", "emails", "upns", "uris", "ipAddresses")


def dated(api_version: str) -> str:
    """Versions such as 7.5 sort before those named by a date."""
    return api_version if api_version[:2] == "20" else ""


def complete(given: object, *, current: Json | None, api_version: str) -> Json:
    """The whole policy after a request that says `given`, section by section over `current` or the defaults.

    Raises BadParameter for what Key Vault refuses.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise bad_parameter("Property policy has invalid value")
    policy: Json = deepcopy(current) if current is not None else _defaults()
    for section in ("key_props", "secret_props", "x509_props", "issuer", "attributes"):
        part = given.get(section)
        if part is None:
            continue
        if not isinstance(part, dict):
            raise bad_parameter(f"Property {section} has invalid value")
        policy[section] = policy.get(section, {}) | {key: value for key, value in part.items() if value is not None}
    if given.get("lifetime_actions") is not None:
        policy["lifetime_actions"] = given["lifetime_actions"]
    _check(policy, api_version)
    return policy


def _defaults() -> Json:
    return {
        "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
        "secret_props": {"contentType": issuance.PKCS12},
        "x509_props": {
            "subject": "",
            "ekus": list(issuance.DEFAULT_EKUS),
            "key_usage": list(issuance.DEFAULT_KEY_USAGE),
            "validity_months": 12,
            "basic_constraints": {"ca": False},
        },
        "lifetime_actions": deepcopy(DEFAULT_LIFETIME_ACTIONS),
        "issuer": {"name": "Self"},
        "attributes": {"enabled": True},
    }


def _check(policy: Json, api_version: str) -> None:
    for check in (_check_key, _check_secret, _check_x509, _check_lifetime):
        check(policy)
    sans = policy["x509_props"].get("sans") or {}
    if sans.get("ipAddresses") and dated(api_version) < IP_ADDRESSES_SINCE:
        raise bad_parameter(
            f"Property sans has invalid value: ipAddresses needs api-version {IP_ADDRESSES_SINCE} or later"
        )


def _check_key(policy: Json) -> None:
    key = policy["key_props"]
    if key["kty"] == "RSA":
        if key.get("key_size") not in RSA_SIZES:
            raise bad_parameter(f"Property key_size has invalid value: one of {', '.join(map(str, RSA_SIZES))}")
        key.pop("crv", None)
    elif key["kty"] == "EC":
        if key.get("crv", "P-256") not in issuance.CURVES:
            raise bad_parameter(f"Property crv has invalid value: one of {', '.join(issuance.CURVES)}")
        key.setdefault("crv", "P-256")
        key.pop("key_size", None)
    else:
        raise bad_parameter(f"Property kty has invalid value: '{key['kty']}' is not available in this vault")


def _check_secret(policy: Json) -> None:
    if policy["secret_props"].get("contentType") not in (issuance.PKCS12, issuance.PEM):
        raise bad_parameter(f"Property contentType has invalid value: {issuance.PKCS12} or {issuance.PEM}")


def _check_x509(policy: Json) -> None:
    x509_props = policy["x509_props"]
    months = x509_props.get("validity_months")
    if isinstance(months, bool) or not isinstance(months, int) or months < 1:
        raise bad_parameter("Property validity_months has invalid value")
    unknown = [usage for usage in x509_props.get("key_usage") or [] if usage not in issuance.KEY_USAGE_FIELDS]
    if unknown:
        raise bad_parameter(f"Property key_usage has invalid value: '{unknown[0]}'")
    sans = x509_props.get("sans") or {}
    for name, values in sans.items():
        if name not in _SANS or (values is not None and not _texts(values)):
            raise bad_parameter(f"Property sans has invalid value: {name}")
    for address in sans.get("ipAddresses") or []:
        _require(partial(ipaddress.ip_address, address), "ipAddresses")
    subject = _require(lambda: issuance.parse_subject(str(x509_props.get("subject") or "")), "subject")
    if len(subject) == 0 and not any(sans.values()):
        raise bad_parameter("Property subject has invalid value: a subject or a subject alternative name is required")
    common = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if common and len(str(common[0].value)) > MAX_COMMON_NAME:
        raise bad_parameter(f"Property subject has invalid value: CN has more than {MAX_COMMON_NAME} characters")


def _check_lifetime(policy: Json) -> None:
    for action in policy["lifetime_actions"]:
        trigger = action.get("trigger") or {}
        percentage = trigger.get("lifetime_percentage")
        if percentage is not None and not 1 <= percentage <= 99:
            raise bad_parameter("Property lifetime_percentage has invalid value: it must be between 1 and 99")
        if (action.get("action") or {}).get("action_type") not in ("AutoRenew", "EmailContacts"):
            raise bad_parameter("Property action_type has invalid value")


def _texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) and value for value in values)


def _require(read: Callable[[], Read], name: str) -> Read:
    try:
        return read()
    except ValueError as error:
        raise bad_parameter(f"Property {name} has invalid value: {error}") from error


def request_of(policy: Json) -> CertificateRequest:
    """What a complete policy asks for. Raises BadParameter when a name can't be encoded in a certificate."""
    props, key = policy["x509_props"], policy["key_props"]
    sans = props.get("sans") or {}
    request = CertificateRequest(
        subject=str(props.get("subject") or ""),
        dns_names=tuple(sans.get("dns_names") or ()),
        emails=tuple(sans.get("emails") or ()),
        upns=tuple(sans.get("upns") or ()),
        uris=tuple(sans.get("uris") or ()),
        ip_addresses=tuple(sans.get("ipAddresses") or ()),
        ekus=tuple(props.get("ekus") or ()),
        key_usage=tuple(props.get("key_usage") or ()),
        validity_months=props["validity_months"],
        is_ca=bool((props.get("basic_constraints") or {}).get("ca")),
        key=KeySpec(kty=key["kty"], size=key.get("key_size", 2048), curve=key.get("crv", "P-256")),
        exportable=bool(key["exportable"]),
        content_type=policy["secret_props"]["contentType"],
    )
    _require(lambda: issuance.alternative_names(request), "sans")
    return request


def of_upload(upload: Upload, *, given: object, current: Json | None, api_version: str) -> Json:
    """The policy after an import: the certificate's own properties win over what the request says."""
    content_type = issuance.PEM if upload.from_pem else issuance.PKCS12
    policy = complete(
        {
            **(given if isinstance(given, dict) else {}),
            "key_props": _key_properties(upload)
            | {
                key: value
                for key, value in _section(given, "key_props").items()
                if key in ("exportable", "reuse_key") and value is not None
            },
            "x509_props": {"subject": "CN=imported"},
            "secret_props": {"contentType": content_type} | _section(given, "secret_props"),
        },
        current=current,
        api_version=api_version,
    )
    policy["x509_props"] = _x509_properties(upload.certificate)
    return policy


def _section(given: object, name: str) -> Json:
    part = given.get(name) if isinstance(given, dict) else None
    return part if isinstance(part, dict) else {}


def _key_properties(upload: Upload) -> Json:
    key = upload.key
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "key_size": key.key_size}
    curve = next((name for name, one in issuance.CURVES.items() if one.name == key.curve.name), None)
    return {"kty": "EC", "crv": curve}


def _x509_properties(certificate: x509.Certificate) -> Json:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    properties: Json = {"subject": issuance.format_subject(certificate.subject)}
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is not None:
        properties["sans"] = {
            "emails": names.get_values_for_type(x509.RFC822Name),
            "dns_names": names.get_values_for_type(x509.DNSName),
            "upns": [],
        }
        addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        if addresses:
            properties["sans"]["ipAddresses"] = addresses
    ekus = _extension(certificate, x509.ExtendedKeyUsage)
    usage = _extension(certificate, x509.KeyUsage)
    basic = _extension(certificate, x509.BasicConstraints)
    return properties | {
        "ekus": [eku.dotted_string for eku in ekus] if ekus is not None else [],
        "key_usage": _usages(usage) if usage is not None else [],
        "validity_months": issuance.months_between(start, end),
        "basic_constraints": {"ca": basic.ca if basic is not None else False},
    }


def _usages(usage: x509.KeyUsage) -> list[str]:
    only = ("encipher_only", "decipher_only")  # readable only beside key_agreement
    return [
        name
        for name, attribute in issuance.KEY_USAGE_FIELDS.items()
        if (attribute not in only or usage.key_agreement) and getattr(usage, attribute)
    ]


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def write(policy: Json, *, id: str, created: datetime, updated: datetime) -> Json:
    """The policy as bundles and ``/policy`` show it; key usages come back in alphabetical order (recorded)."""
    shown: Json = {"id": id} | deepcopy(policy)
    shown["x509_props"]["key_usage"] = sorted(shown["x509_props"].get("key_usage") or [])
    shown["attributes"] = {
        "enabled": bool(policy["attributes"].get("enabled", True)),
        "created": epoch(created),
        "updated": epoch(updated),
    }
    return shown
