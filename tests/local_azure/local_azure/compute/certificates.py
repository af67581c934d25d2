# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a referenced certificate from its vault, the way the compute platform does it for a virtual machine."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import pkcs12

from ..core.errors import AzureError
from ..core.regions import region
from ..core.store import Resource
from ..core.wire import Json
from .secrets import CertificateReference

if TYPE_CHECKING:
    from ..core.azure import Azure
    from ..keyvault.vaults import StoredSecret

PKCS12 = "application/x-pkcs12"


@dataclass(frozen=True, kw_only=True)
class FetchedCertificate:
    """A PFX that opens with ``password`` and holds a certificate with its private key, and where it goes."""

    reference: CertificateReference
    pfx: bytes
    password: bytes | None


def fetch(azure: Azure, vm: Resource, reference: CertificateReference) -> FetchedCertificate:
    """What ``reference`` leads to, read with the platform's own rights.

    :raises AzureError: with which the operation on the VM fails. That these are failures of the operation (poll answers
        200 with status Failed) and not of the request is unverified, and so is the region's code; the codes and texts
        KeyVaultAccessForbidden, KeyVaultSecretDoesNotExist (microsoft/service-fabric-issues#932) and
        CertificateImproperlyFormatted (Microsoft's list of common VM error messages) are real.
    """
    vault = azure.store.get(reference.vault)
    if vault is None or not _admits_platform(vault, reference):
        raise _access_forbidden(reference)
    if region(vault.location) != region(vm.location):
        raise AzureError(
            409,
            "KeyVaultAndVMInDifferentRegions",
            f"The Key Vault {vault.id} is located in location {region(vault.location)}, which is different from the "
            f"location of the VM, {region(vm.location)}.",
        )
    secret = azure.vaults.find_secret(reference.url.replace(":443/", "/", 1))
    if secret is None:
        raise AzureError(
            404,
            "KeyVaultSecretDoesNotExist",
            f"The Key Vault secret referenced with the URL {reference.url} does not exist.",
        )
    _check_usable(secret, reference, azure.clock.now())
    pfx, password = _unwrap(secret.value, secret.content_type, reference.url)
    return FetchedCertificate(reference=reference, pfx=pfx, password=password)


def _admits_platform(vault: Resource, reference: CertificateReference) -> bool:
    """Enabled for deployment, open to trusted services, and really the vault that the URL's host names."""
    properties = vault.properties
    network = properties.get("networkAcls") or {}
    closed = network.get("defaultAction") == "Deny" and network.get("bypass") == "None"
    host = urlsplit(str(properties.get("vaultUri", ""))).hostname
    return bool(properties.get("enabledForDeployment")) and not closed and host == urlsplit(reference.url).hostname


def _access_forbidden(reference: CertificateReference) -> AzureError:
    return AzureError(
        403,
        "KeyVaultAccessForbidden",
        f"Key Vault {reference.url} either has not been enabled for deployment or the vault id provided, "
        f"{reference.vault}, does not match the Key Vault's true resource id.",
    )


def _check_usable(secret: StoredSecret, reference: CertificateReference, now: datetime) -> None:
    """Refuses what Key Vault keeps back: that compute reports its 403 under this code is unverified.

    Key Vault documents that reading works outside the validity period; refusing it here is on the strict side.
    """
    reason = None
    if not secret.enabled:
        reason = "a disabled secret"
    elif secret.not_before is not None and now < secret.not_before:
        reason = "a secret that is not yet valid"
    elif secret.expires is not None and now >= secret.expires:
        reason = "an expired secret"
    if reason is not None:
        raise AzureError(403, "KeyVaultAccessForbidden", f"Operation get is not allowed on {reason}: {reference.url}")


def _unwrap(value: str, content_type: str | None, url: str) -> tuple[bytes, bytes | None]:
    """The PFX in a secret's value: base64 of JSON {data, dataType, password}, or base64 of a PFX without password.

    Whether compute goes by content type or looks inside is unverified: JSON is recognised under any content type,
    a bare PFX only under application/x-pkcs12. PEM is neither.
    """
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _not_json(url) from None
    document = _json_object(content)
    if document is not None:
        pfx, password = _from_json(document, url)
    elif (content_type or "").lower() == PKCS12:
        pfx, password = content, None
    else:
        raise _not_json(url)
    _check_pfx(pfx, password, url)
    return pfx, password


def _json_object(content: bytes) -> Json | None:
    try:
        document = json.loads(content.decode("utf-8"))
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _from_json(document: Json, url: str) -> tuple[bytes, bytes | None]:
    data, kind, password = document.get("data"), document.get("dataType"), document.get("password")
    if not isinstance(data, str) or str(kind).lower() != "pfx":
        raise _not_pfx(url)
    try:
        pfx = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise _not_pfx(url) from None
    return pfx, password.encode() if isinstance(password, str) and password else None


def _check_pfx(pfx: bytes, password: bytes | None, url: str) -> None:
    try:
        key, certificate, _chain = pkcs12.load_key_and_certificates(pfx, password)
    except ValueError:
        raise _not_pfx(url) from None
    if key is None or certificate is None:
        raise _not_pfx(url)


def _not_json(url: str) -> AzureError:
    return AzureError(
        409, "CertificateImproperlyFormatted", f"The data retrieved from {url} is not deserializable into JSON."
    )


def _not_pfx(url: str) -> AzureError:
    return AzureError(
        409,
        "CertificateImproperlyFormatted",
        f"The secret's JSON representation retrieved from {url} has a data field which is not a properly formatted "
        "PFX file, or the password provided does not decode the PFX file correctly.",
    )
