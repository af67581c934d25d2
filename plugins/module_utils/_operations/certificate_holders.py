# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a certificate's versions live: a secret that the controller writes, or a certificate that the vault makes."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._azure.certificates import VaultIssuer
from .._azure.secrets import DataPlane, ResourceManager
from .._domain.certificates import CertificateVersion, StoredVersion, names_tags, newest, thumbprint_tags
from .._domain.errors import Conflict, Denied, Refused, Unavailable
from .._domain.issuance import issue

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._azure.secrets import SecretChannel
    from .._domain.certificates import CertificateNames, Validity
    from .._domain.errors import AccessError
    from .._domain.vaults import Vault
    from .context import Context

T = t.TypeVar("T")

_DELETED = "ObjectIsDeletedButRecoverable"


@dataclass(frozen=True, kw_only=True)
class WantedCertificate:
    """What a certificate must be.

    ``channel`` is ``auto``, ``data_plane`` or ``resource_manager``; ``rights_timeout`` the seconds to wait for a role
    that was granted moments ago.
    """

    name: str
    key_size: int
    validity: Validity
    channel: str
    may_recover: bool
    rights_timeout: float


class CertificateHolder(t.Protocol):
    """One certificate of one vault."""

    @property
    def channel(self) -> str:
        """Which way was taken: ``data_plane`` or ``resource_manager``."""

    def current(self) -> CertificateVersion | None:
        """The current version; ``None`` when there is none. Raises :class:`Conflict` when it is somebody else's."""

    def renewed(self, names: CertificateNames) -> CertificateVersion:
        """A new version for ``names``."""

    def remove(self) -> bool:
        """Soft-delete it; False when there was none."""


class ControllerCertificate:
    """A certificate made here and uploaded as a secret, in the form the compute provider reads."""

    def __init__(self, wanted: WantedCertificate, vault: Vault, context: Context) -> None:
        self._wanted = wanted
        self._vault = vault
        self._context = context
        self._channel: SecretChannel = (
            ResourceManager(context.azure, vault)
            if wanted.channel == "resource_manager"
            else DataPlane(context.azure, vault)
        )

    @property
    def channel(self) -> str:
        return self._channel.name

    def current(self) -> CertificateVersion | None:
        return _own(newest(self._through(self._versions)), self._wanted.name, self._vault)

    def renewed(self, names: CertificateNames) -> CertificateVersion:
        wanted = self._wanted
        not_before, not_after = wanted.validity.span(*self._context.azure.now())
        issued = issue(names, key_size=wanted.key_size, not_before=not_before, not_after=not_after)
        tags = {**names_tags(names.digest), **thumbprint_tags(issued.thumbprint, issued.thumbprint_sha256)}

        def write(channel: SecretChannel) -> StoredVersion:
            return channel.write(
                wanted.name, issued.secret_value, tags=tags, not_before=not_before, not_after=not_after
            )

        try:
            written = self._through(write)
        except Conflict as error:
            _check_recoverable(error, wanted)
            self._channel.recover(wanted.name, deadline=self._context.deadline)
            written = self._through(write)
        # Somebody else may have written at the same moment: what is current in the vault is what everybody uses.
        latest = newest([written, *self._through(self._versions)])
        current = _own(latest, wanted.name, self._vault) or _incomplete(wanted.name)
        return replace(current, pem=issued.pem) if current.thumbprint == issued.thumbprint else current

    def remove(self) -> bool:
        deadline = self._context.deadline
        return self._through(lambda channel: channel.delete(self._wanted.name, deadline=deadline))

    def _versions(self, channel: SecretChannel) -> list[StoredVersion]:
        return channel.versions(self._wanted.name)

    def _through(self, call: Callable[[SecretChannel], T]) -> T:
        """Use the vault's own endpoint; where that is closed to the caller, Resource Manager.

        A right granted moments ago needs minutes to act: when both are closed, the first is asked again for a while.
        """
        try:
            return call(self._channel)
        except (Denied, Unavailable) as closed:
            if self._wanted.channel == "auto" and isinstance(self._channel, DataPlane):
                return self._through_resource_manager(call, closed)
            return _patiently(lambda: call(self._channel), closed, self._wanted, self._context)

    def _through_resource_manager(self, call: Callable[[SecretChannel], T], closed: AccessError) -> T:
        other = ResourceManager(self._context.azure, self._vault)
        try:
            result = call(other)
        except Denied:
            return _patiently(lambda: call(self._channel), closed, self._wanted, self._context)
        self._channel = other
        return result


class VaultCertificate:
    """A certificate that Key Vault makes itself; only its own endpoint knows certificates."""

    channel = "data_plane"

    def __init__(self, wanted: WantedCertificate, vault: Vault, context: Context) -> None:
        self._wanted = wanted
        self._vault = vault
        self._context = context
        self._issuer = VaultIssuer(context.azure, vault)

    def current(self) -> CertificateVersion | None:
        return _own(self._allowed(lambda: self._issuer.current(self._wanted.name)), self._wanted.name, self._vault)

    def renewed(self, names: CertificateNames) -> CertificateVersion:
        wanted, deadline = self._wanted, self._context.deadline

        def create() -> StoredVersion:
            months = wanted.validity.whole_months()
            return self._issuer.create(
                wanted.name, names=names, key_size=wanted.key_size, months=months, deadline=deadline
            )

        try:
            made = self._allowed(create)
        except Conflict as error:
            _check_recoverable(error, wanted)
            self._issuer.recover(wanted.name, deadline=deadline)
            made = self._allowed(create)
        return _own(made, wanted.name, self._vault) or _incomplete(wanted.name)

    def remove(self) -> bool:
        return self._allowed(lambda: self._issuer.delete(self._wanted.name, deadline=self._context.deadline))

    def _allowed(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Denied as closed:
            return _patiently(call, closed, self._wanted, self._context)


def _patiently(call: Callable[[], T], closed: AccessError, wanted: WantedCertificate, context: Context) -> T:
    """Call again until it is allowed; the refusal itself is raised when ``rights_timeout`` is over."""
    patience = context.deadline.within(wanted.rights_timeout)
    while True:
        if patience.passed:
            raise closed
        patience.pause(context.azure.poll_interval, waiting_for="the right to use the vault", last_seen=closed.message)
        try:
            return call()
        except (Denied, Unavailable) as still:
            closed = still


def _own(found: StoredVersion | None, name: str, vault: Vault) -> CertificateVersion | None:
    if found is None:
        return None
    certificate = found.certificate()
    if certificate is None:
        raise Conflict(
            code="SecretOfOthers",
            message=f"The key vault {vault.id.name} already holds a {name} that this collection did not make.",
            hint="Choose another certificate_name: what it holds can't be known without reading its private key.",
        )
    return certificate


def _incomplete(name: str) -> t.NoReturn:
    raise Refused(code="CertificateNotStored", message=f"The vault does not show the version of {name} it just took.")


def _check_recoverable(error: Conflict, wanted: WantedCertificate) -> None:
    if error.code != _DELETED:
        raise error
    if not wanted.may_recover:
        raise Conflict(
            code=_DELETED,
            message=error.message,
            hint=f"Set recover_deleted: true to bring {wanted.name} back, or choose another certificate_name.",
        ) from error
