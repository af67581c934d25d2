# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs .rdp files: a certificate in files of the controller, or one whose key a vault holds."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from .._azure import keys
from .._domain.errors import InvalidInput
from .._domain.publisher import (
    Publisher,
    doubts_about,
    publisher_from_file,
    publisher_with,
    require_valid,
    with_chain,
)
from .._domain.vaults import checked_object_name, checked_vault_name
from .._files.whole import PUBLIC, read_file, required_file, write_file

if t.TYPE_CHECKING:
    from .._domain.outcome import Document
    from .context import Context

# What is looked up on clients, under HKEY_LOCAL_MACHINE or HKEY_CURRENT_USER (Windows group policy "Specify SHA1
# thumbprints of certificates representing trusted .rdp publishers").
_POLICY_KEY = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
_POLICY_VALUE = "TrustedCertThumbprints"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Where the publisher's certificate and key are: in ``file`` (and ``key_file``), or in a vault.

    ``chain_file`` has the certificates that lead from it to its root, where the file does not have them itself; a vault
    hands them out with the private key only.
    """

    file: Path | None = None
    key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    chain_file: Path | None = None
    vault_name: str | None = None
    certificate_name: str | None = None

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any] | None) -> Signer | None:
        """Raise :class:`InvalidInput` unless it is one of the two."""
        if not parameters:
            return None
        file, vault = parameters["file"], parameters["vault_name"]
        if bool(file) == bool(vault) or bool(vault) != bool(parameters["certificate_name"]):
            raise InvalidInput(
                code="InvalidSigner",
                message="sign_with needs either file, or vault_name and certificate_name.",
            )
        return cls(
            file=Path(file) if file else None,
            key_file=Path(parameters["key_file"]) if parameters["key_file"] else None,
            passphrase=parameters["passphrase"],
            chain_file=Path(parameters["chain_file"]) if parameters["chain_file"] else None,
            vault_name=checked_vault_name(vault) if vault else None,
            certificate_name=checked_object_name(parameters["certificate_name"]) if vault else None,
        )

    def publisher(self, context: Context) -> Publisher:
        """The publisher, valid now. One read where a vault holds the key; nothing is signed yet."""
        chain = required_file(self.chain_file) if self.chain_file else None
        found = self._from_vault(context) if self.vault_name else self._from_file()
        if chain is not None:
            found = with_chain(found, chain, source=str(self.chain_file))
        earliest, latest = context.azure.now()
        require_valid(found, earliest=earliest, latest=latest)
        return found

    def _from_file(self) -> Publisher:
        if self.file is None:
            raise ValueError("a signer without a vault has a file")
        return publisher_from_file(
            required_file(self.file),
            key_content=required_file(self.key_file) if self.key_file else None,
            passphrase=self.passphrase,
            source=str(self.file),
        )

    def _from_vault(self, context: Context) -> Publisher:
        uri = f"https://{(self.vault_name or '').lower()}.{context.azure.vault_suffix}/"
        name = self.certificate_name or ""
        held = keys.held_certificate(context.azure, uri, name)
        return publisher_with(
            held.der,
            lambda message: keys.sign(context.azure, held.key_id, message),
            source=f"The certificate {name} of the key vault {self.vault_name}",
        )


@dataclass(frozen=True, kw_only=True)
class PublisherFile:
    """A file that clients need to trust the publisher."""

    path: Path
    content: bytes

    @property
    def in_place(self) -> bool:
        found = read_file(self.path)
        return found is not None and found.content == self.content

    def write(self) -> None:
        write_file(self.path, self.content, mode=PUBLIC)


def publisher_files(publisher: Publisher, folder: Path) -> tuple[PublisherFile, ...]:
    """The certificate for the clients' trust stores, and the policy value that ends the question before connecting."""
    stem = f"publisher-{publisher.thumbprint}"
    return (
        PublisherFile(path=folder / f"{stem}.cer", content=publisher.der),
        PublisherFile(path=folder / f"{stem}.reg", content=_registry_file(publisher.thumbprint)),
    )


def _registry_file(thumbprint: str) -> bytes:
    lines = (
        "Windows Registry Editor Version 5.00",
        "",
        "; Once its certificate is trusted, Remote Desktop opens what this publisher has signed without a question.",
        "; Importing this file replaces the list: where there is one already, add the thumbprint to it, after a comma.",
        rf"[HKEY_LOCAL_MACHINE\{_POLICY_KEY}]",
        f'"{_POLICY_VALUE}"="{thumbprint}"',
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def doubts(publisher: Publisher, context: Context, *, warn_days: int) -> tuple[str, ...]:
    """Warnings about the publisher's certificate."""
    return doubts_about(publisher, now=context.azure.now()[1], warn_before=timedelta(days=warn_days))


def described(publisher: Publisher, signer: Signer, files: tuple[PublisherFile, ...], context: Context) -> Document:
    """The result ``signed``."""
    certificate = publisher.certificate
    certificate_file, trust_file = (str(each.path) for each in files) if files else (None, None)
    return {
        "key_source": "vault" if signer.vault_name else "controller",
        "thumbprint": publisher.thumbprint,
        "thumbprint_sha256": publisher.thumbprint_sha256,
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "self_signed": publisher.self_signed,
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "days_left": (certificate.not_valid_after_utc - context.azure.now()[1]).days,
        "pem": publisher.pem,
        "client_trust": {"key": _POLICY_KEY, "name": _POLICY_VALUE, "type": "REG_SZ", "data": publisher.thumbprint},
        "certificate_file": certificate_file,
        "trust_file": trust_file,
    }
