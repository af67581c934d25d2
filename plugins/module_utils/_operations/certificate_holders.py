# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a certificate's versions live: a secret that the controller writes, or a certificate that the vault makes."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure.certificates import VaultIssuer
from .._azure.polling import unless_busy
from .._azure.secrets import DataPlane, ResourceManager, version_with
from .._domain.certificates import CertificateVersion, StoredVersion, names_tags, newest, public_tags, thumbprint_tags
from .._domain.errors import AccessError, Conflict, Denied, Refused, Unavailable
from .._domain.issuance import issue

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._azure.secrets import SecretChannel
    from .._domain.certificates import CertificateNames, Validity
    from .._domain.vaults import Vault
    from .context import Context

T = t.TypeVar("T")
E = t.TypeVar("E", Conflict, Denied)

_DELETED = "ObjectIsDeletedButRecoverable"

# Refusals that pass once a role that was granted moments ago begins to act; a firewall or a policy never does.
_PASSING = frozenset({"ForbiddenByRbac", "AuthorizationFailed"})


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
    """One certificate of one vault. Each call raises :class:`Conflict` when what it meets is not this collection's."""

    @property
    def channel(self) -> str:
        """Which way was taken: ``data_plane`` or ``resource_manager``."""

    def current(self) -> CertificateVersion | None:
        """The current version; ``None`` when there is none."""

    def deleted(self) -> CertificateVersion | None:
        """What a soft-deleted one of this name holds; ``None`` when there is none, as far as the caller may know.

        Raises :class:`Conflict` when it is there and may not be brought back.
        """

    def recovered(self) -> CertificateVersion | None:
        """Bring the soft-deleted one back; its current version."""

    def renewed(self, names: CertificateNames, *, instead_of: CertificateVersion | None) -> CertificateVersion:
        """A new version for ``names``; ``instead_of`` is the one found unfit."""

    def require_removable(self) -> None:
        """Raise :class:`Conflict` when the way that was taken can't delete."""

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

    def deleted(self) -> CertificateVersion | None:
        return _recoverable(self._channel.deleted(self._wanted.name), self._wanted, self._vault)

    def recovered(self) -> CertificateVersion | None:
        self._channel.recover(self._wanted.name, deadline=self._context.deadline)
        return self.current()

    def renewed(self, names: CertificateNames, *, instead_of: CertificateVersion | None) -> CertificateVersion:
        wanted = self._wanted
        not_before, not_after = wanted.validity.span(*self._context.azure.now())
        issued = issue(names, key_size=wanted.key_size, not_before=not_before, not_after=not_after)
        tags = {
            **names_tags(names.digest),
            **thumbprint_tags(issued.thumbprint, issued.thumbprint_sha256),
            **public_tags(issued.pem),
        }

        unsure = False

        def write(channel: SecretChannel) -> StoredVersion:
            # Whichever way was taken the last time, it may have been written there although no answer came.
            nonlocal unsure
            found = version_with(channel, wanted.name, tags) if unsure else None
            try:
                return found or channel.write(
                    wanted.name, issued.secret_value, tags=tags, not_before=not_before, not_after=not_after
                )
            except Unavailable:
                unsure = True
                raise

        written = _written(lambda: self._through(write), wanted, self._context)
        # Somebody else may have written at the same moment: what is current in the vault is what everybody uses.
        versions = [written, *self._through(self._versions)]
        latest = newest(each for each in versions if not instead_of or each.secret_url != instead_of.secret_url)
        return _own(latest, wanted.name, self._vault) or _incomplete(wanted.name)

    def require_removable(self) -> None:
        self._channel.require_delete(self._wanted.name)

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
            return self._patiently(call, closed)

    def _through_resource_manager(self, call: Callable[[SecretChannel], T], closed: AccessError) -> T:
        other = ResourceManager(self._context.azure, self._vault, closed=closed)
        try:
            result = call(other)
        except Denied:
            return self._patiently(call, closed)
        self._channel = other
        return result

    def _patiently(self, call: Callable[[SecretChannel], T], closed: AccessError) -> T:
        try:
            return _patiently(lambda: call(self._channel), closed, self._wanted, self._context)
        except Denied as final:
            if self._wanted.channel != "data_plane":
                raise
            raise _with_hint(
                final, f"{final.hint} Or leave vault_channel out: Contributor on the vault is enough then.".strip()
            ) from closed


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

    def deleted(self) -> CertificateVersion | None:
        return _recoverable(self._issuer.deleted(self._wanted.name), self._wanted, self._vault)

    def recovered(self) -> CertificateVersion | None:
        self._allowed(lambda: self._issuer.recover(self._wanted.name, deadline=self._context.deadline))
        return self.current()

    def renewed(self, names: CertificateNames, *, instead_of: CertificateVersion | None) -> CertificateVersion:
        wanted, deadline = self._wanted, self._context.deadline
        months = wanted.validity.whole_months()
        asked = False

        def create() -> StoredVersion:
            # The vault makes one at a time: when it was busy with somebody else's, that one serves.
            nonlocal asked
            current = self._issuer.current(wanted.name) if asked else None
            if current and (instead_of is None or current.secret_url != instead_of.secret_url):
                return current
            asked = True
            return self._issuer.create(
                wanted.name, names=names, key_size=wanted.key_size, months=months, deadline=deadline
            )

        made = _written(lambda: self._allowed(create), wanted, self._context)
        return _own(made, wanted.name, self._vault) or _incomplete(wanted.name)

    def require_removable(self) -> None:
        return None

    def remove(self) -> bool:
        return self._allowed(lambda: self._issuer.delete(self._wanted.name, deadline=self._context.deadline))

    def _allowed(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Denied as closed:
            try:
                return _patiently(call, closed, self._wanted, self._context)
            except Denied as final:
                if final.code not in ("ForbiddenByRbac", "ForbiddenByPolicy"):
                    raise
                raise _with_hint(
                    final,
                    "key_source: vault needs the role Key Vault Certificates Officer (or, with access policies, the"
                    " certificate permissions get, create, delete and recover); key_source: controller does without.",
                ) from closed


def _patiently(call: Callable[[], T], closed: AccessError, wanted: WantedCertificate, context: Context) -> T:
    """Call again until it is allowed; the refusal itself is raised when ``rights_timeout`` is over, or can't pass."""
    patience = context.deadline.within(wanted.rights_timeout)
    while not patience.passed and (isinstance(closed, Unavailable) or closed.code in _PASSING):
        patience.pause(context.azure.poll_interval, waiting_for="the right to use the vault", last_seen=closed.message)
        try:
            return call()
        except (Denied, Unavailable) as still:
            closed = still
    raise closed


def _written(write: Callable[[], StoredVersion], wanted: WantedCertificate, context: Context) -> StoredVersion:
    """Write; wait while the name is on its way out of the vault or back into it."""
    try:
        return unless_busy(write, deadline=context.deadline, waiting_for=f"{wanted.name} in the key vault")
    except Conflict as error:
        if error.code != _DELETED:
            raise _with_hint(
                error, "Something else in the vault has this name: choose another certificate_name."
            ) from error
        # Its deletion could not be seen beforehand: through Resource Manager, without the right to, or just now.
        raise _with_hint(
            error,
            "Run the task as somebody with the role Key Vault Secrets Officer (it is brought back then), recover it in"
            " the vault, or choose another certificate_name.",
        ) from error


def _own(found: StoredVersion | None, name: str, vault: Vault, *, kind: str = "") -> CertificateVersion | None:
    if found is None:
        return None
    certificate = found.certificate()
    if found.made_by_vault:
        raise Conflict(
            code="CertificateOfVault",
            message=f"{name} in the key vault {vault.id.name} is a certificate that the vault made itself.",
            hint="Use key_source: vault to go on with it, or choose another certificate_name.",
        )
    if certificate is None:
        raise Conflict(
            code="SecretOfOthers",
            message=f"The key vault {vault.id.name} already holds a {kind}{name} that this collection did not make.",
            hint="Choose another certificate_name: what it holds can't be known without reading its private key.",
        )
    return certificate


def _recoverable(found: StoredVersion | None, wanted: WantedCertificate, vault: Vault) -> CertificateVersion | None:
    if found is not None and not wanted.may_recover:
        raise Conflict(
            code=_DELETED,
            message=f"A deleted {wanted.name} in the key vault {vault.id.name} still holds the name.",
            hint="Set recover_deleted: true to bring it back, choose another certificate_name, or purge it yourself.",
        )
    return _own(found, wanted.name, vault, kind="deleted ")


def _incomplete(name: str) -> t.NoReturn:
    raise Refused(code="CertificateNotStored", message=f"The vault does not show the version of {name} it just took.")


def _with_hint(error: E, hint: str) -> E:
    return type(error)(code=error.code, message=error.message, hint=hint, details=error.details)
