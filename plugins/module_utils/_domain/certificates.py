# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WinRM server certificate: the names it must hold, what is known of its versions, and when a new one is due."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
import ssl
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .errors import InvalidInput
from .server_name import normalise_server_name, parse_ip

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MADE_BY = "azvm.access"
# Key Vault tags of a version; its validity is in the version's own attributes (nbf, exp).
_TAG_MADE_BY = "made_by"
_TAG_SHA1 = "thumbprint"
_TAG_SHA256 = "thumbprint_sha256"
_TAG_NAMES = "names_digest"
# The public certificate in pieces: a tag holds 256 characters, and a version at most 15 tags.
_TAG_PUBLIC = "certificate_{}"
_PIECE = 256
_MOST_PIECES = 11

# A controller, a vault and a VM disagree about the time; a certificate must be valid for all of them at once.
_CLOCK_SKEW = timedelta(hours=1)

_DAYS_OF_A_MONTH = 30.44


@dataclass(frozen=True, kw_only=True)
class CertificateNames:
    """The subject alternative names, normalised and sorted; ``common_name`` is also the listener's host name."""

    common_name: str
    dns: tuple[str, ...]
    ip: tuple[str, ...]

    @classmethod
    def of(cls, dns: Iterable[str | None], ip: Iterable[str | None], *, fallback: str) -> CertificateNames:
        """Names and addresses, without repeats and empty ones; ``fallback`` is the common name when no other fits.

        Raises :class:`InvalidInput` for something that is neither.
        """
        names: dict[str, None] = {}
        for text in dns:
            if text:
                names.setdefault(_checked_name(text))
        addresses = {str(_checked_address(text)) for text in ip if text}
        # The common name is a label for people (clients read the alternative names only), at most 64 characters long.
        plain = (text for text in (*names, *sorted(addresses)) if len(text) <= 64 and not text.startswith("*"))
        return cls(
            common_name=next(plain, fallback.lower()[:64]), dns=tuple(sorted(names)), ip=tuple(sorted(addresses))
        )

    @property
    def digest(self) -> str:
        """What is kept in a tag to see that names have changed: 32 hexadecimal digits of SHA-256."""
        text = json.dumps([self.common_name, self.dns, self.ip])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _checked_name(text: str) -> str:
    text = text.strip()
    bare = text.removeprefix("*.")
    try:
        name = normalise_server_name(bare)
    except ValueError:
        name = ""
    # A name whose last label is a number is an address with a slip in it, such as 10.0.0.256.
    if not name or parse_ip(bare) is not None or re.search(r"\.[0-9]+$", name):
        raise InvalidInput(
            code="InvalidDnsName",
            message=f"{text!r} can't stand in a certificate as a DNS name.",
            hint="Addresses belong into ip_addresses.",
        )
    return name if bare == text else f"*.{name}"


def _checked_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = parse_ip(text)
    if address is None:
        raise InvalidInput(code="InvalidIpAddress", message=f"{text!r} is not an IP address.")
    return address


@dataclass(frozen=True, kw_only=True)
class CertificateVersion:
    """What is known of one version in the vault, without ever reading its private key.

    ``secret_url`` is the versioned URL that a VM refers to. Thumbprints are upper-case hexadecimal digits. ``pem`` is
    the public certificate, ``None`` where the vault does not tell it.
    """

    secret_url: str
    enabled: bool
    created: datetime
    not_before: datetime
    not_after: datetime
    thumbprint: str
    thumbprint_sha256: str
    names_digest: str
    pem: str | None = None


def thumbprint_tags(thumbprint: str, thumbprint_sha256: str) -> dict[str, str]:
    """The tags that tell which certificate a version holds."""
    return {_TAG_SHA1: thumbprint, _TAG_SHA256: thumbprint_sha256}


def public_tags(pem: str) -> dict[str, str]:
    """The tags that keep the public certificate itself; none where it is too long for them (very many names)."""
    text = base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    if len(pieces) > _MOST_PIECES:
        return {}
    return {_TAG_PUBLIC.format(place): piece for place, piece in enumerate(pieces, start=1)}


def _public(tags: Mapping[str, str]) -> str | None:
    """What :func:`public_tags` kept; ``None`` unless it is whole and the very certificate that the thumbprint names."""
    places = range(1, _MOST_PIECES + 1)
    text = "".join(tags.get(_TAG_PUBLIC.format(place), "") for place in places)
    try:
        der = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    same = hashlib.sha256(der).hexdigest().upper() == tags.get(_TAG_SHA256)
    return ssl.DER_cert_to_PEM_cert(der) if same else None


def names_tags(digest: str) -> dict[str, str]:
    """The tags that tell who made a version and for which names."""
    return {_TAG_MADE_BY: MADE_BY, _TAG_NAMES: digest}


@dataclass(frozen=True, kw_only=True)
class StoredVersion:
    """A version of a secret or certificate as its vault lists it: metadata only.

    ``made_by_vault``: it is a secret that belongs to a certificate of the vault, which alone may write it.
    ``pem`` is the public certificate, where the vault tells it; otherwise it is in the tags.
    """

    secret_url: str
    enabled: bool
    created: datetime
    not_before: datetime | None
    not_after: datetime | None
    tags: Mapping[str, str]
    made_by_vault: bool = False
    pem: str | None = None

    def certificate(self) -> CertificateVersion | None:
        """The certificate it holds, when this collection made it."""
        tags = self.tags
        if tags.get(_TAG_MADE_BY) != MADE_BY or self.not_before is None or self.not_after is None:
            return None
        return CertificateVersion(
            secret_url=self.secret_url,
            enabled=self.enabled,
            created=self.created,
            not_before=self.not_before,
            not_after=self.not_after,
            thumbprint=tags.get(_TAG_SHA1, ""),
            thumbprint_sha256=tags.get(_TAG_SHA256, ""),
            names_digest=tags.get(_TAG_NAMES, ""),
            pem=self.pem or _public(tags),
        )


def newest(versions: Iterable[StoredVersion]) -> StoredVersion | None:
    """The current version. Key Vault counts in seconds: between equals the version id decides, for all runs alike."""
    return max(versions, key=lambda each: (each.created, each.secret_url), default=None)


@dataclass(frozen=True, kw_only=True)
class Validity:
    """How long a certificate is made for and how early it is replaced."""

    lifetime: timedelta
    renew_before: timedelta

    @classmethod
    def of_days(cls, *, validity_days: int, renew_before_days: int) -> Validity:
        """Raise :class:`InvalidInput` when a new certificate would be due for renewal at once."""
        if not 1 <= validity_days <= 3650:
            raise InvalidInput(code="InvalidValidity", message="validity_days must be from 1 to 3650.")
        if not 0 <= renew_before_days < validity_days:
            raise InvalidInput(
                code="InvalidValidity",
                message=f"renew_before_days ({renew_before_days}) must be less than validity_days ({validity_days}),"
                " or every run would make a new certificate.",
            )
        return cls(lifetime=timedelta(days=validity_days), renew_before=timedelta(days=renew_before_days))

    def span(self, earlier: datetime, later: datetime) -> tuple[datetime, datetime]:
        """When a new certificate is valid, whichever of the two clocks is right; whole seconds, as X.509 has it."""
        return (earlier - _CLOCK_SKEW).replace(microsecond=0), (later + self.lifetime).replace(microsecond=0)

    def whole_months(self) -> int:
        """The lifetime as Key Vault's own certificates want it.

        Raises :class:`InvalidInput` when months that short would be due for renewal at once.
        """
        months = max(1, round(self.lifetime.days / _DAYS_OF_A_MONTH))
        # A month has 28 days at least, and several of them lose no more than three days against the average.
        if self.renew_before.days >= int(months * _DAYS_OF_A_MONTH) - 3:
            raise InvalidInput(
                code="InvalidValidity",
                message=f"renew_before_days ({self.renew_before.days}) is too long: a key vault makes certificates for"
                f" whole months, here {months}.",
                hint="Make renew_before_days smaller or validity_days longer, or use key_source: controller.",
            )
        return months


def reason_to_renew(
    current: CertificateVersion | None, *, names: CertificateNames, validity: Validity, now: datetime, forced: bool
) -> str | None:
    """Why a new version is needed, in a few words; ``None`` when ``current`` is good.

    ``now`` is the later of the controller's and Azure's clock.
    """
    if current is None:
        return "there is none"
    if forced:
        return "force_renew is set"
    if not current.enabled:
        return "the current version is disabled"
    if not (current.thumbprint and current.thumbprint_sha256):
        return "its thumbprint was not recorded"
    if now >= current.not_after - validity.renew_before:
        return f"it ends on {current.not_after:%Y-%m-%d}"
    if current.names_digest != names.digest:
        return "the names people connect with have changed"
    return None


def utc(moment: datetime) -> datetime:
    """An aware time in UTC; the SDKs give both kinds."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
