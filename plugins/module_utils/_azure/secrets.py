# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a vault: metadata in, new versions out. No call here ever returns a secret's value."""

from __future__ import annotations

import contextlib
import typing as t
from datetime import datetime, timezone

from .._domain.certificates import StoredVersion, utc
from .._domain.errors import AccessError, Conflict, Denied, NotFound
from .errors import translated
from .libraries import needs
from .polling import awaited, finished
from .retries import ONCE, written_once

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from azure.keyvault.secrets import SecretClient, SecretProperties
    from azure.mgmt.keyvault import models

    from .._domain.deadline import Deadline
    from .._domain.vaults import Vault
    from .clients import AzureClients

_BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)


class SecretChannel(t.Protocol):
    """One of the two ways to a vault's secrets. Raises :class:`Denied` when it is closed to the caller."""

    name: str

    def versions(self, secret: str) -> list[StoredVersion]:
        """What is known of the secret's versions, at least the current one; empty when there is no such secret."""

    def write(
        self, secret: str, value: str, *, tags: dict[str, str], not_before: datetime, not_after: datetime
    ) -> StoredVersion:
        """A new version. Raises :class:`Conflict` with code ObjectIsDeletedButRecoverable for a soft-deleted name.

        After :class:`Unavailable` nobody knows whether it was written; :func:`version_with` looks.
        """

    def deleted(self, secret: str) -> StoredVersion | None:
        """The current version of a soft-deleted secret; ``None`` when there is none, or the caller may not know."""

    def recover(self, secret: str, *, deadline: Deadline) -> None:
        """Bring the soft-deleted secret back with all its versions, and wait until they can be listed."""

    def require_delete(self, secret: str) -> None:
        """Raise :class:`Conflict` when this way can't delete."""

    def delete(self, secret: str, *, deadline: Deadline) -> bool:
        """Soft-delete the secret; False when there is none."""


class DataPlane:
    """The vault's own endpoint: needs a data role (Key Vault Secrets Officer) or an access policy, and its firewall."""

    name = "data_plane"

    def __init__(self, azure: AzureClients, vault: Vault) -> None:
        self.vault = vault.id.name
        self._client: SecretClient = azure.secrets(vault.uri)
        self._poll_interval = azure.poll_interval
        self._deadline = azure.deadline

    @translated("list the versions of the secret {secret} in the key vault {self.vault}")
    def versions(self, secret: str) -> list[StoredVersion]:
        # Listing gives metadata only; a GET of the secret would bring its private key along.
        return [_listed(each) for each in self._client.list_properties_of_secret_versions(secret)]

    def write(
        self, secret: str, value: str, *, tags: dict[str, str], not_before: datetime, not_after: datetime
    ) -> StoredVersion:
        @translated(f"write the secret {{secret}} into the key vault {self.vault}")
        def put(secret: str) -> StoredVersion:
            written = self._client.set_secret(
                secret, value, tags=tags, not_before=not_before, expires_on=not_after, **ONCE
            )
            return _listed(written.properties)

        return _written_once(self, put, secret, tags=tags, deadline=self._deadline)

    def deleted(self, secret: str) -> StoredVersion | None:
        try:
            return self._deleted(secret)
        except (NotFound, Denied):
            return None

    def recover(self, secret: str, *, deadline: Deadline) -> None:
        # Not found: another run has begun it meanwhile.
        with contextlib.suppress(NotFound):
            self._begin_recover(secret)
        # Not the SDK's own wait: it asks for the secret with its value until that is there.
        awaited(
            self.versions(secret),
            lambda: self.versions(secret),
            over=bool,
            seen=lambda versions: "not listed yet",
            waiting_for=f"the deleted secret {secret} to come back",
            deadline=deadline,
            pause=self._poll_interval,
        )

    def require_delete(self, secret: str) -> None:
        return None

    @translated("delete the secret {secret} of the key vault {self.vault}")
    def delete(self, secret: str, *, deadline: Deadline) -> bool:
        with needs("azure-core"):
            from azure.core.exceptions import ResourceNotFoundError
        try:
            poller = self._client.begin_delete_secret(secret, _polling_interval=min(2.0, self._poll_interval))
        except ResourceNotFoundError:
            return False
        finished(poller, deadline=deadline, waiting_for=f"the secret {secret} to be deleted")
        return True

    @translated("look for a deleted secret {secret} in the key vault {self.vault}")
    def _deleted(self, secret: str) -> StoredVersion:
        return _listed(self._client.get_deleted_secret(secret).properties)

    @translated("recover the deleted secret {secret} of the key vault {self.vault}")
    def _begin_recover(self, secret: str) -> None:
        self._client.begin_recover_deleted_secret(secret)


class ResourceManager:
    """``vaults/secrets`` of Azure Resource Manager: needs Contributor only and passes the vault's firewall.

    It knows the current version and can't see, recover or delete a deleted secret. ``closed`` is why the vault's own
    endpoint, which can, is not asked; ``None`` when this way was wished for.
    """

    name = "resource_manager"

    def __init__(self, azure: AzureClients, vault: Vault, *, closed: AccessError | None = None) -> None:
        self.vault = vault.id.name
        self._azure = azure
        self._vault = vault
        self._closed = closed

    def versions(self, secret: str) -> list[StoredVersion]:
        try:
            return [self._current(secret)]
        except NotFound:
            return []

    def write(
        self, secret: str, value: str, *, tags: dict[str, str], not_before: datetime, not_after: datetime
    ) -> StoredVersion:
        with needs("azure-mgmt-keyvault"):
            from azure.mgmt.keyvault.models import SecretCreateOrUpdateParameters
        attributes = {"enabled": True, "nbf": int(not_before.timestamp()), "exp": int(not_after.timestamp())}
        body = SecretCreateOrUpdateParameters(
            {"tags": tags, "properties": {"value": value, "attributes": attributes}},
        )
        vault = self._vault.id

        @translated(f"write the secret {{secret}} into the key vault {self.vault} through Resource Manager")
        def put(secret: str) -> StoredVersion:
            secrets = self._azure.vaults.secrets
            return _from_manager(secrets.create_or_update(vault.resource_group, vault.name, secret, body, **ONCE))

        return _written_once(self, put, secret, tags=tags, deadline=self._azure.deadline)

    def deleted(self, secret: str) -> StoredVersion | None:
        return None

    def recover(self, secret: str, *, deadline: Deadline) -> None:
        raise self._needs_data_plane("ObjectIsDeletedButRecoverable", f"The deleted secret {secret}", "recovered")

    def delete(self, secret: str, *, deadline: Deadline) -> bool:
        self.require_delete(secret)

    def require_delete(self, secret: str) -> t.NoReturn:
        raise self._needs_data_plane("DeleteNeedsDataPlane", f"The secret {secret}", "deleted")

    def _needs_data_plane(self, code: str, what: str, done: str) -> Conflict:
        message = f"{what} of the key vault {self.vault} can't be {done} through Resource Manager."
        if self._closed is None:
            return Conflict(
                code=code,
                message=message,
                hint="Leave vault_channel out, as somebody with the role Key Vault Secrets Officer on the vault.",
            )
        return Conflict(
            code=code,
            message=f"{message} The vault's own endpoint is closed to this run: {self._closed.message}",
            hint=self._closed.hint,
            details={"cause": self._closed.code},
        )

    @translated("read the secret {secret} of the key vault {self.vault} through Resource Manager")
    def _current(self, secret: str) -> StoredVersion:
        vault = self._vault.id
        return _from_manager(self._azure.vaults.secrets.get(vault.resource_group, vault.name, secret))


def version_with(channel: SecretChannel, secret: str, tags: dict[str, str]) -> StoredVersion | None:
    """The version with these tags, which tell it from others where they name a certificate."""
    return next((each for each in channel.versions(secret) if tags.items() <= each.tags.items()), None)


def _written_once(
    channel: SecretChannel,
    put: Callable[[str], StoredVersion],
    secret: str,
    *,
    tags: dict[str, str],
    deadline: Deadline,
) -> StoredVersion:
    waiting_for = f"the secret {secret} to be written"
    return written_once(
        lambda: put(secret), lambda: version_with(channel, secret, tags), deadline=deadline, waiting_for=waiting_for
    )


def _listed(properties: SecretProperties) -> StoredVersion:
    return StoredVersion(
        secret_url=properties.id or "",
        enabled=bool(properties.enabled),
        created=utc(properties.created_on or _BEGINNING),
        not_before=utc(properties.not_before) if properties.not_before else None,
        not_after=utc(properties.expires_on) if properties.expires_on else None,
        tags=properties.tags or {},
        made_by_vault=bool(properties.managed),
    )


def _from_manager(found: models.Secret) -> StoredVersion:
    attributes = found.properties.attributes
    return StoredVersion(
        secret_url=found.properties.secret_uri_with_version or "",
        enabled=attributes is None or attributes.enabled is not False,
        created=utc(attributes.created) if attributes and attributes.created else _BEGINNING,
        not_before=utc(attributes.not_before) if attributes and attributes.not_before else None,
        not_after=utc(attributes.expires) if attributes and attributes.expires else None,
        tags=found.tags or {},
    )
