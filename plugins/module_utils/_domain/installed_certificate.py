# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate in a VM's own store, and whether a service there can use it."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import NotReady

SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"
REMOTE_DESKTOP_AUTHENTICATION = "1.3.6.1.4.1.311.54.1.2"
_ANY_USAGE = "2.5.29.37.0"


@dataclass(frozen=True, kw_only=True)
class InstalledCertificate:
    """A certificate in LocalMachine\\My.

    ``not_after`` is ISO 8601 in UTC; ``usages`` are the OIDs of the extended key usage, none for a certificate without.
    """

    thumbprint: str
    common_name: str
    dns_names: tuple[str, ...]
    not_after: str
    has_private_key: bool
    usages: tuple[str, ...]

    def is_for(self, purposes: frozenset[str]) -> bool:
        """Whether its extended key usage allows one of ``purposes``."""
        return not self.usages or not purposes.isdisjoint(self.usages) or _ANY_USAGE in self.usages


def require_usable(
    certificate: InstalledCertificate | None,
    thumbprint: str,
    *,
    computer_name: str,
    purposes: frozenset[str] = frozenset({SERVER_AUTHENTICATION}),
) -> InstalledCertificate:
    """The certificate, when it can serve TLS. Raises :class:`NotReady` when it is missing, keyless or for clients."""
    details = {"thumbprint": thumbprint, "store": "LocalMachine\\My"}
    if certificate is None:
        raise NotReady(
            code="CertificateNotInstalled",
            message=f"{computer_name} has no certificate {thumbprint} in LocalMachine\\My.",
            hint="Reference it in the VM with azvm.access.winrm_cert_keyvault (certificate_store: My), or compare the"
            " thumbprint with the one the vault has.",
            details=details,
        )
    if not certificate.has_private_key:
        raise NotReady(
            code="CertificateWithoutPrivateKey",
            message=f"The certificate {thumbprint} in LocalMachine\\My of {computer_name} has no private key.",
            hint="Install it as a PFX with its key, as azvm.access.winrm_cert_keyvault does.",
            details=details,
        )
    if not certificate.is_for(purposes):
        raise NotReady(
            code="CertificateNotForServers",
            message=f"The certificate {thumbprint} is not made for server authentication.",
            hint=f"Make one with the extended key usage {SERVER_AUTHENTICATION}.",
            details=details,
        )
    return certificate
