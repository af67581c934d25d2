# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All vaults of this Azure: which exist, which are soft-deleted, what they hold."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..core.regions import region
from ..core.resource_id import ResourceId
from ..core.store import Resource
from . import names
from .backups import Backups
from .issuing import complete_due
from .model import Certificate, Key, Secret, VaultContents

if TYPE_CHECKING:
    from ..core.azure import Azure
    from ..core.wire import Json

VAULTS = "Microsoft.KeyVault/vaults"
DEFAULT_RETENTION_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class StoredSecret:
    """A secret version as the platform's own services see it: no caller rights are involved."""

    value: str = field(repr=False)
    content_type: str | None
    enabled: bool
    not_before: datetime | None
    expires: datetime | None
    vault: Resource


@dataclass(kw_only=True)
class Throttle:
    """At most `requests` within `seconds` per vault (Azure: about 4000 in 10 s); `retry_after` is the header's text."""

    requests: int
    seconds: float = 10.0
    retry_after: str = "1"
    _seen: dict[str, list[datetime]] = field(default_factory=dict, repr=False)

    def admits(self, name: str, now: datetime) -> bool:
        """Count a request on the vault unless it is over the limit."""
        since = now - timedelta(seconds=self.seconds)
        recent = [moment for moment in self._seen.get(name.lower(), []) if moment > since]
        self._seen[name.lower()] = recent
        if len(recent) >= self.requests:
            return False
        recent.append(now)
        return True


class Vaults:
    """Index over the vaults in the store.

    A vault that leaves the store, by its own DELETE or with its resource group, becomes a soft-deleted one and loses
    its role assignments, as in Azure. `taken` are names that belong to somebody else, in lower case.
    """

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.taken: set[str] = set()
        self.throttle: Throttle | None = None
        self.backups = Backups()
        self._live: dict[str, Resource] = {}
        self._deleted: dict[str, Resource] = {}
        azure.store.on_change(self._watch)

    def named(self, name: str) -> Resource | None:
        """The live vault of that name in any subscription: names are global."""
        return next((vault for vault in self._live.values() if vault.id.name.lower() == name.lower()), None)

    def deleted(self, name: str) -> Resource | None:
        """The soft-deleted vault of that name, unless its retention has ended."""
        self._expire()
        return self._deleted.get(name.lower())

    def list_deleted(self, subscription: str) -> list[Resource]:
        self._expire()
        return [
            vault
            for _name, vault in sorted(self._deleted.items())
            if vault.id.subscription.lower() == subscription.lower()
        ]

    def name_in_use(self, name: str) -> bool:
        return self.is_taken(name) or self.named(name) is not None or self.deleted(name) is not None

    def is_taken(self, name: str) -> bool:
        return name.lower() in self.taken

    def exists(self, host: str) -> bool:
        """Whether DNS knows this host name. Names of others resolve too; soft-deleted vaults don't."""
        name = names.vault_of_host(host)
        if name is None:
            return False
        vault = self.named(name)
        if vault is None:
            return self.is_taken(name)
        return bool(vault.properties.get("provisioningState") == "Succeeded")

    def contents(self, vault: Resource) -> VaultContents:
        """The objects of a vault, brought up to the present moment: due certificates issued, old deletions purged."""
        contents = vault.private.setdefault("contents", VaultContents())
        assert isinstance(contents, VaultContents)
        now = self.azure.clock.now()
        complete_due(contents, now)
        for objects in (contents.secrets, contents.certificates, contents.keys):
            _purge_due(objects, now)
        return contents

    def find_secret(self, url: str) -> StoredSecret | None:
        """The secret version at ``https://<vault host>/secrets/<name>/<version>``; None for any other URL."""
        parts = urlsplit(url)
        segments = parts.path.strip("/").split("/")
        name = names.vault_of_host(parts.netloc)
        vault = self.named(name) if name is not None else None
        if parts.scheme != "https" or vault is None or len(segments) != 3 or segments[0].lower() != "secrets":
            return None
        secret = self.contents(vault).secrets.get(segments[1].lower())
        if secret is None or secret.deletion is not None:
            return None
        version = secret.find(segments[2])
        if version is None:
            return None
        return StoredSecret(
            value=version.value,
            content_type=version.content_type,
            enabled=version.enabled,
            not_before=version.not_before,
            expires=version.expires,
            vault=vault,
        )

    def describe(self) -> list[Json]:
        """Every vault, soft-deleted ones too, with names and metadata of its objects, for state dumps.

        Never a value or key.
        """
        self._expire()
        live = [describe_vault(vault, self.contents(vault)) for vault in self._live.values()]
        gone = [
            {"deletedVault": str(deleted.id), **describe_vault(vault, self.contents(vault))}
            for deleted in self._deleted.values()
            for vault in [deleted.private["vault"]]
        ]
        return live + gone

    def recover(self, deleted: Resource) -> Resource:
        """Put a soft-deleted vault back into its resource group. Its role assignments stay lost."""
        vault = deleted.private["vault"]
        assert isinstance(vault, Resource)
        self.purge(deleted)
        self.azure.store.put(vault)
        return vault

    def purge(self, deleted: Resource) -> None:
        """Forget a soft-deleted vault; nothing happens when it was recovered or purged meanwhile."""
        if self._deleted.get(deleted.id.name.lower()) is deleted:
            del self._deleted[deleted.id.name.lower()]

    def changed(self, vault: Resource) -> None:
        """Say that something in the vault was changed. Does nothing for a vault that has gone meanwhile."""
        if self.azure.store.get(vault.id) is vault:
            self.azure.store.touch(vault)

    def moment(self, seconds: float) -> timedelta:
        """A stretch of time that takes `seconds` in Azure, at the pace of this instance."""
        return timedelta(seconds=seconds * self.azure.settings.pace)

    def _watch(self) -> None:
        present = {vault.id.key: vault for vault in self.azure.store.list(VAULTS)}
        gone = [vault for key, vault in self._live.items() if key not in present]
        self._live = present
        for vault in gone:
            self._soft_delete(vault)

    def _soft_delete(self, vault: Resource) -> None:
        now = self.azure.clock.now().replace(microsecond=0)
        days = vault.properties.get("softDeleteRetentionInDays", DEFAULT_RETENTION_DAYS)
        for assignment in list(self.azure.authorization.assignments.values()):
            if f"{assignment.scope}/".lower().startswith(f"{vault.id}/".lower()):
                self.azure.authorization.revoke(assignment.id)
        location = region(vault.location)
        properties: Json = {
            "vaultId": str(vault.id),
            "location": location,
            "tags": vault.tags or {},
            "deletionDate": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "scheduledPurgeDate": (now + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if vault.properties.get("enablePurgeProtection"):
            properties["purgeProtectionEnabled"] = True
        self._deleted[vault.id.name.lower()] = Resource(
            id=deleted_vault_id(vault.id.subscription, location, vault.id.name),
            properties=properties,
            private={"vault": vault, "purge_at": now + timedelta(days=days)},
        )

    def _expire(self) -> None:
        now = self.azure.clock.now()
        for deleted in list(self._deleted.values()):
            if deleted.private["purge_at"] <= now:
                self.purge(deleted)


def _purge_due(
    objects: MutableMapping[str, Secret] | MutableMapping[str, Certificate] | MutableMapping[str, Key], now: datetime
) -> None:
    due = [key for key, found in objects.items() if found.deletion is not None and found.deletion.purge_at <= now]
    for key in due:
        del objects[key]


def deleted_vault_id(subscription: str, location: str, name: str) -> ResourceId:
    return ResourceId(subscription, None, "Microsoft.KeyVault", ("locations", "deletedVaults"), (location, name))


def describe_vault(vault: Resource, contents: VaultContents) -> Json:
    """Metadata of a vault's objects: what may be shown to anybody who drives this Azure."""
    return {
        "vault": str(vault.id),
        "secrets": [
            {
                "name": secret.name,
                "deleted": secret.deletion is not None,
                "versions": [
                    {
                        "version": one.version,
                        "enabled": one.enabled,
                        "contentType": one.content_type,
                        "tags": one.tags or {},
                        "managed": one.managed,
                    }
                    for one in secret.versions
                ],
            }
            for secret in contents.secrets.values()
        ],
        "certificates": [
            {
                "name": certificate.name,
                "deleted": certificate.deletion is not None,
                "versions": [
                    {"version": one.version, "enabled": one.enabled, "tags": one.tags or {}}
                    for one in certificate.versions
                ],
            }
            for certificate in contents.certificates.values()
        ],
        "keys": [
            {
                "name": key.name,
                "deleted": key.deletion is not None,
                "versions": [
                    {"version": one.version, "enabled": one.enabled, "tags": one.tags or {}} for one in key.versions
                ],
            }
            for key in contents.keys.values()
        ],
    }
