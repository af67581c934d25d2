# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""osProfile.secrets: the certificates of Key Vault that a virtual machine refers to."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..core.resource_id import ResourceId
from ..core.store import Resource
from . import errors

VAULT_TYPE = "Microsoft.KeyVault/vaults"

_VERSIONED_SECRET = re.compile(r"/secrets/[0-9A-Za-z-]+/[0-9A-Za-z]+/?")


@dataclass(frozen=True, kw_only=True)
class CertificateReference:
    """One vaultCertificate: the versioned secret URL, as given, and the store under LocalMachine to put it in.

    ``store`` is empty for Linux, where certificates become files.
    """

    vault: ResourceId
    url: str
    store: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes two references the same: URL and store without case."""
        return self.url.lower().rstrip("/"), self.store.lower()


def parse(vm: Resource, secrets: object) -> list[CertificateReference]:
    """The references in ``secrets``, the ``osProfile.secrets`` of a request about ``vm``.

    :raises AzureError: 400 for what is wrong in itself. The texts are those that users have reported
        (MicrosoftDocs/azure-docs#43339, #111863, #50587, #19943; Azure/azure-sdk-for-net, disk tests).
    """
    if not isinstance(secrets, list):
        raise errors.invalid_parameter("The value of parameter secrets is invalid.", "secrets")
    references: list[CertificateReference] = []
    vaults: set[str] = set()
    for group in secrets:
        vault = _source_vault(vm, group)
        if vault.key in vaults:
            raise errors.invalid_parameter(
                f"List secrets contains repeated instances of {vault}, which is disallowed.", "sourceVault.id"
            )
        vaults.add(vault.key)
        references.extend(_certificates(vm, vault, group))
    return references


def linked_vaults(secrets: object) -> list[ResourceId]:
    """The vaults that ``secrets`` names, as far as it is well formed; for the check of the caller's rights."""
    vaults: list[ResourceId] = []
    for group in secrets if isinstance(secrets, list) else []:
        source = group.get("sourceVault") if isinstance(group, Mapping) else None
        text = source.get("id") if isinstance(source, Mapping) else None
        with contextlib.suppress(ValueError):
            vaults.append(ResourceId.parse(str(text)))
    return vaults


def _source_vault(vm: Resource, group: object) -> ResourceId:
    source = group.get("sourceVault") if isinstance(group, Mapping) else None
    text = source.get("id") if isinstance(source, Mapping) else None
    if not text:
        raise errors.missing_parameter("sourceVault")
    try:
        vault = ResourceId.parse(str(text))
    except ValueError:
        vault = None
    if vault is None or vault.type.lower() != VAULT_TYPE.lower():
        raise errors.invalid_parameter("The value of parameter sourceVault.id is invalid.", "sourceVault.id")
    if vault.subscription.lower() != vm.id.subscription.lower():
        raise errors.invalid_parameter(
            f"The SubscriptionId:{vm.id.subscription} of the request must match the SubscriptionId "
            f"{vault.subscription} contained in the Key Vault Id.",
            "sourceVault.id",
        )
    return vault


def _certificates(vm: Resource, vault: ResourceId, group: Mapping[str, object]) -> list[CertificateReference]:
    certificates = group.get("vaultCertificates")
    if not isinstance(certificates, list) or not certificates:
        # An empty list is refused too (unverified): a group without certificates means nothing.
        raise errors.missing_parameter("vaultCertificates")
    references: list[CertificateReference] = []
    for certificate in certificates:
        entry = certificate if isinstance(certificate, Mapping) else {}
        reference = CertificateReference(vault=vault, url=_url(entry), store=_store(vm, entry))
        if reference.key in {known.key for known in references}:
            raise errors.invalid_parameter(
                f"List vaultCertificates contains repeated instances of ({reference.url}, {reference.store.lower()}), "
                "which is disallowed.",
                "vaultCertificates",
            )
        references.append(reference)
    return references


def _url(certificate: Mapping[str, object]) -> str:
    url = certificate.get("certificateUrl")
    if not isinstance(url, str) or not url:
        raise errors.missing_parameter("certificateUrl")
    parts = urlsplit(url)
    if parts.scheme.lower() != "https" or not parts.hostname or not _VERSIONED_SECRET.fullmatch(parts.path):
        raise errors.invalid_parameter(
            f"{url} is not a valid versioned Key Vault Secret URL. "
            "It should be in the format https://<vaultEndpoint>/secrets/<secretName>/<secretVersion>.",
            "certificateUrl",
        )
    return url


def _store(vm: Resource, certificate: Mapping[str, object]) -> str:
    store = certificate.get("certificateStore")
    if vm.properties["storageProfile"]["osDisk"]["osType"] == "Linux":
        if store:
            raise errors.invalid_parameter("Parameter 'certificateStore' is not allowed.", "certificateStore")
        return ""
    if not isinstance(store, str) or not store:
        raise errors.missing_parameter("certificateStore")
    return store
