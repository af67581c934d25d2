# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that Key Vault makes itself (issuer Self): the private key never leaves the vault towards the caller."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import typing as t

from .._domain.certificates import StoredVersion, names_tags, thumbprint_tags, utc
from .._domain.errors import Denied, NotFound, Refused
from .errors import translated
from .libraries import needs
from .polling import finished

if t.TYPE_CHECKING:
    from azure.keyvault.certificates import CertificateClient, CertificatePolicy, KeyVaultCertificate

    from .._domain.certificates import CertificateNames
    from .._domain.deadline import Deadline
    from .._domain.vaults import Vault
    from .clients import AzureClients


class VaultIssuer:
    """Key Vault's certificates: needs the data role Key Vault Certificates Officer, or an access policy."""

    def __init__(self, azure: AzureClients, vault: Vault) -> None:
        self.vault = vault.id.name
        self._client: CertificateClient = azure.certificates(vault.uri)
        self._poll_interval = azure.poll_interval
        self._short_interval = min(2.0, azure.poll_interval)

    def current(self, certificate: str) -> StoredVersion | None:
        """The current version; ``None`` when there is no such certificate."""
        try:
            return self._read(certificate)
        except NotFound:
            return None

    @translated("have the key vault {self.vault} make the certificate {certificate}")
    def create(
        self, certificate: str, *, names: CertificateNames, key_size: int, months: int, deadline: Deadline
    ) -> StoredVersion:
        """A new version, made by the vault; waits until it is there.

        Raises :class:`Busy` while the vault makes one that was asked for before.
        """
        with needs("azure-keyvault-certificates"):
            from azure.keyvault.certificates import KeyVaultCertificate
        poller = self._client.begin_create_certificate(
            certificate,
            _policy(names, key_size=key_size, months=months),
            tags=names_tags(names.digest),
            _polling_interval=self._poll_interval,
        )
        made = finished(poller, deadline=deadline, waiting_for=f"the key vault to make the certificate {certificate}")
        if not isinstance(made, KeyVaultCertificate):
            # The SDK hands back the pending operation instead of raising when the vault gave up.
            cause = made.error.message if made.error else made.status_details
            raise Refused(
                code="CertificateNotIssued",
                message=f"The key vault {self.vault} did not make the certificate {certificate}:"
                f" {cause or made.status}.",
            )
        return _stored(made)

    def deleted(self, certificate: str) -> StoredVersion | None:
        """The current version of a soft-deleted certificate; ``None`` without one, or when the caller may not know."""
        try:
            return self._deleted(certificate)
        except (NotFound, Denied):
            return None

    def recover(self, certificate: str, *, deadline: Deadline) -> None:
        """Bring the soft-deleted certificate back with its key and secret, and wait until it can be read."""
        # Not found: another run has begun it meanwhile.
        with contextlib.suppress(NotFound):
            self._recover(certificate, deadline)

    @translated("recover the deleted certificate {certificate} of the key vault {self.vault}")
    def _recover(self, certificate: str, deadline: Deadline) -> None:
        poller = self._client.begin_recover_deleted_certificate(certificate, _polling_interval=self._short_interval)
        finished(poller, deadline=deadline, waiting_for=f"the deleted certificate {certificate} to come back")

    @translated("delete the certificate {certificate} of the key vault {self.vault}")
    def delete(self, certificate: str, *, deadline: Deadline) -> bool:
        """Soft-delete the certificate with its key and secret; False when there is none."""
        with needs("azure-core"):
            from azure.core.exceptions import ResourceNotFoundError
        try:
            poller = self._client.begin_delete_certificate(certificate, _polling_interval=self._short_interval)
        except ResourceNotFoundError:
            return False
        finished(poller, deadline=deadline, waiting_for=f"the certificate {certificate} to be deleted")
        return True

    @translated("look for a deleted certificate {certificate} in the key vault {self.vault}")
    def _deleted(self, certificate: str) -> StoredVersion:
        return _stored(self._client.get_deleted_certificate(certificate))

    @translated("read the certificate {certificate} of the key vault {self.vault}")
    def _read(self, certificate: str) -> StoredVersion:
        return _stored(self._client.get_certificate(certificate))


def _policy(names: CertificateNames, *, key_size: int, months: int) -> CertificatePolicy:
    with needs("azure-keyvault-certificates"):
        from azure.keyvault.certificates import CertificateContentType, CertificatePolicy, KeyType, KeyUsageType
    return CertificatePolicy(
        issuer_name="Self",
        subject=f"CN={names.common_name}",
        san_dns_names=list(names.dns),
        san_ip_addresses=list(names.ip),
        enhanced_key_usage=["1.3.6.1.5.5.7.3.1"],  # server authentication
        key_usage=[KeyUsageType.digital_signature, KeyUsageType.key_encipherment],
        key_type=KeyType.rsa,
        key_size=key_size,
        # The platform installs the private key in the VM: it has to be able to take it out of the vault.
        exportable=True,
        reuse_key=False,
        content_type=CertificateContentType.pkcs12,
        validity_in_months=months,
    )


def _stored(certificate: KeyVaultCertificate) -> StoredVersion:
    properties = certificate.properties
    if properties is None or properties.created_on is None:
        raise Refused(
            code="CertificateWithoutDate", message="The key vault does not say when the certificate was made."
        )
    public = bytes(certificate.cer or b"")
    tags = dict(properties.tags or {})
    if public:
        # The thumbprints come from the public certificate itself; a tag is only needed for what it does not tell.
        sha1 = hashlib.sha1(public, usedforsecurity=False).hexdigest().upper()
        tags |= thumbprint_tags(sha1, hashlib.sha256(public).hexdigest().upper())
    return StoredVersion(
        secret_url=certificate.secret_id or "",
        enabled=bool(properties.enabled),
        created=utc(properties.created_on),
        not_before=utc(properties.not_before) if properties.not_before else None,
        not_after=utc(properties.expires_on) if properties.expires_on else None,
        tags=tags,
        pem=ssl.DER_cert_to_PEM_cert(public) if public else None,
    )
