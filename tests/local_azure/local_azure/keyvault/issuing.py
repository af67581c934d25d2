# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding certificate versions to a vault: the certificate and the secret that belongs to it, and due operations."""

from __future__ import annotations

from datetime import datetime

from . import issuance
from .issuance import Upload
from .model import Certificate, CertificateVersion, Secret, SecretVersion, VaultContents, new_version


def add_version(
    contents: VaultContents,
    certificate: Certificate,
    upload: Upload,
    *,
    now: datetime,
    enabled: bool,
    tags: dict[str, str] | None,
) -> CertificateVersion:
    """Store `upload` as the newest version of the certificate and of its secret, both under one version identifier."""
    version = CertificateVersion(
        version=new_version(),
        certificate=upload.certificate,
        key=upload.key,
        enabled=enabled,
        created=now,
        updated=now,
        tags=tags,
    )
    certificate.versions.append(version)
    content_type = certificate.policy["secret_props"]["contentType"]
    value = issuance.secret_value(
        upload, content_type=content_type, exportable=bool(certificate.policy["key_props"]["exportable"])
    )
    secret = contents.secrets.setdefault(certificate.name.lower(), Secret(name=certificate.name))
    secret.versions.append(
        SecretVersion(
            version=version.version,
            value=value,
            content_type=content_type,
            enabled=enabled,
            not_before=upload.certificate.not_valid_before_utc,
            expires=upload.certificate.not_valid_after_utc,
            created=now,
            updated=now,
            tags=tags,
            managed=True,
        )
    )
    return version


def reserve_secret(contents: VaultContents, certificate: Certificate, *, now: datetime, months: int) -> None:
    """Add the disabled, empty secret version that an issuance in progress leaves in the version list (recorded).

    It has the times that a certificate of so many months would have if it were issued at once.
    """
    secret = contents.secrets.setdefault(certificate.name.lower(), Secret(name=certificate.name))
    reserved = SecretVersion(
        version=new_version(),
        value="",
        content_type=certificate.policy["secret_props"]["contentType"],
        enabled=False,
        not_before=now - issuance.BACKDATED,
        expires=issuance.add_months(now, months),
        created=now,
        updated=now,
        tags=None,
        managed=True,
    )
    secret.versions.insert(max(len(secret.versions) - 1, 0), reserved)


def complete_due(contents: VaultContents, now: datetime) -> None:
    """Issue the certificates whose operation has come to its end."""
    for certificate in contents.certificates.values():
        pending = certificate.pending
        if pending is None or pending.completed or pending.due > now or certificate.deletion is not None:
            continue
        pending.completed = True
        if pending.failure is not None or pending.cancellation_requested:
            continue
        issued = issuance.self_signed(pending.request, pending.key, pending.due)
        add_version(
            contents,
            certificate,
            Upload(certificate=issued, key=pending.key),
            now=pending.due,
            enabled=pending.enabled,
            tags=pending.tags,
        )
