# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets, keys and certificates that a recording found in a vault."""

from __future__ import annotations

from collections.abc import Sequence

from .recordings import Exchange, Json, Recording
from .sightings import Gaps
from .stage import Stage, resource_url
from .translation import Translation

_KINDS = ("secrets", "keys", "certificates")
_MADE_BY = ("create", "import", "restore")
_UNDER_WAY = ("ObjectIsBeingDeleted", "ObjectIsBeingRecovered")
_POLICY: Json = {
    "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
    "secret_props": {"contentType": "application/x-pkcs12"},
    "x509_props": {"subject": "CN=replay", "validity_months": 12},
    "issuer": {"name": "Self"},
}


def going_on(exchanges: Sequence[Exchange]) -> frozenset[int]:
    """The positions of exchanges that found a deletion or recovery still under way.

    An error says so, a read doesn't find what the same read finds later though nothing was written meanwhile, or a list
    of deleted objects lacks one that was deleted before.
    """
    found: set[int] = set()
    deleted: set[tuple[str, str]] = set()
    for at, exchange in enumerate(exchanges):
        if not exchange.is_vault or not exchange.segments:
            continue
        kind, name = exchange.segments[0].lower(), "".join(exchange.segments[1:2]).lower()
        lacks = kind.startswith("deleted") and not name and _is_whole(exchange)
        lacking = {one for of, one in deleted if of == kind} - _names(exchange) if lacks else set()
        if _says_so(exchange) or lacking or (exchange.status == 404 and _comes_later(exchanges, at)):
            found.add(at)
        if exchange.method == "DELETE" and exchange.succeeded and not kind.startswith("deleted"):
            deleted.add((f"deleted{kind}", name))
        elif exchange.method != "GET" and kind.startswith("deleted"):
            deleted.discard((kind, name))
    return frozenset(found)


def _says_so(exchange: Exchange) -> bool:
    body = exchange.response if isinstance(exchange.response, dict) else {}
    return ((body.get("error") or {}).get("innererror") or {}).get("code") in _UNDER_WAY


def _comes_later(exchanges: Sequence[Exchange], at: int) -> bool:
    exchange = exchanges[at]
    for later in exchanges[at + 1 :]:
        same = later.is_vault and later.host == exchange.host and later.segments[1:2] == exchange.segments[1:2]
        if later.after_gap or (same and later.method != "GET"):
            return False
        if same and later.succeeded and later.path.rstrip("/") == exchange.path.rstrip("/"):
            return exchange.method == "GET"
    return False


def _is_whole(exchange: Exchange) -> bool:
    body = exchange.response if isinstance(exchange.response, dict) else {}
    return exchange.succeeded and "skiptoken" not in exchange.query and not body.get("nextLink")


def _names(exchange: Exchange) -> set[str]:
    body = exchange.response if isinstance(exchange.response, dict) else {}
    return {_name(entry).lower() for entry in body.get("value") or [] if isinstance(entry, dict)}


class VaultObjects:
    """Makes the objects of vaults that an exchange presupposes."""

    def __init__(self, recording: Recording, stage: Stage, translation: Translation, gaps: Gaps) -> None:
        self._exchanges = recording.exchanges
        self._gaps = gaps
        self._stage = stage
        self._translation = translation

    def prepare(self, exchange: Exchange, at: int) -> None:
        """Bring about the objects that the exchange at position `at` reads or changes. Raises Unprepared."""
        segments = exchange.segments
        if exchange.operation == "POST Microsoft.KeyVault/checkNameAvailability":
            self._prepare_name(exchange)
        if not exchange.is_vault or not exchange.succeeded or not segments:
            return
        deleted = segments[0].lower().startswith("deleted")
        kind = segments[0].lower().removeprefix("deleted")
        if kind not in _KINDS:
            return
        vault = f"https://{exchange.host}"
        if len(segments) == 1:
            self._prepare_list(exchange, f"{vault}/{kind}", deleted, at)
            return
        url = f"{vault}/{kind}/{segments[1]}"
        if exchange.method != "PUT" and segments[-1] not in _MADE_BY:
            self._require(url, exchange, deleted, at)
            if deleted and exchange.method == "DELETE":
                self._allow_purge(exchange)
            elif not deleted and len(segments) == 2 and self._gaps.since(url, at):
                self._catch_up(url, exchange)
        self._gaps.see(url, at)

    def _prepare_name(self, exchange: Exchange) -> None:
        """Give the name to somebody else where it was in use."""
        name = str((exchange.request or {}).get("name"))
        vaults = self._stage.azure.vaults
        if (exchange.response or {}).get("reason") == "AlreadyExists" and not vaults.name_in_use(name):
            vaults.taken.add(name.lower())

    def _prepare_list(self, exchange: Exchange, url: str, deleted: bool, at: int) -> None:
        """What a list shows is there, and after a gap nothing else."""
        shown = set()
        for entry in (exchange.response or {}).get("value") or []:
            name = _name(entry) if isinstance(entry, dict) else ""
            if name and (exchange.query.count("maxresults") == 0 or self._gaps.since(f"{url}/{name}", at)):
                self._require(f"{url}/{name}", exchange, deleted, at)
            shown.add(name)
        whole = "skiptoken" not in exchange.query and not (exchange.response or {}).get("nextLink")
        if whole and not deleted and self._gaps.since(url, at):
            answer = self._stage.must("GET", f"{url}?api-version={exchange.api_version}")
            for name in {_name(entry) for entry in answer["value"] if not entry.get("managed")} - shown:
                self._stage.must("DELETE", f"{url}/{name}?api-version={exchange.api_version}")
        self._gaps.see(url, at)

    def _require(self, url: str, exchange: Exchange, deleted: bool, at: int) -> None:
        """The object at `url`, live or deleted."""
        version = f"?api-version={exchange.api_version}"
        gone = _deleted(url)
        if self._has(gone + version):
            if not deleted:
                self._stage.must("POST", f"{gone}/recover{version}")
                self._stage.settle()
            return
        pending = "/certificates/" in url and self._has(f"{url}/pending{version}")
        if not pending and not self._has(url + version):
            self._make(url, version, self._document(url, at), pending=exchange.is_poll and exchange.under_way)
        if deleted:
            self._stage.must("DELETE", url + version)
            self._stage.settle()

    def _has(self, url: str) -> bool:
        return self._stage.send("GET", url).status_code != 404  # a disabled one can't be read

    def _make(self, url: str, version: str, document: Json, *, pending: bool) -> None:
        """Make the object look like `document`, which may be empty; `pending`: a certificate that isn't issued yet."""
        kind = url.split("/")[3]
        given: Json = {field: document[field] for field in ("tags", "contentType") if field in document}
        if kind == "secrets":
            answer = self._stage.must("PUT", url + version, {"value": document.get("value", "any"), **given})
        elif kind == "keys":
            kty = (document.get("key") or {}).get("kty", "RSA")
            answer = self._stage.must("POST", f"{url}/create{version}", {"kty": kty})
        else:
            policy = {**(document.get("policy") or _POLICY), "issuer": {"name": "Self"}}
            answer = self._stage.must("POST", f"{url}/create{version}", {"policy": policy})
            if not pending:
                self._stage.settle()
                answer = self._stage.must("GET", url + version)
                if document and "pending" not in document:
                    self._stage.must("DELETE", f"{url}/pending{version}")
        self._translation.learn(document, answer)
        if not pending:
            self._stage.settle()

    def _catch_up(self, url: str, exchange: Exchange) -> None:
        """Take over attributes that exchanges which weren't kept have changed."""
        document = self._document(url, self._exchanges.index(exchange))
        given: Json = {field: document[field] for field in ("tags", "contentType") if field in document}
        if "attributes" in document and not document.get("managed"):
            given["attributes"] = {"enabled": document["attributes"].get("enabled", True)}
            self._stage.must("PATCH", f"{url}?api-version={exchange.api_version}", given)

    def _allow_purge(self, exchange: Exchange) -> None:
        """Give the caller the right to purge, where the recording doesn't show how it got that."""
        vault = self._stage.azure.vaults.named(exchange.host.partition(".")[0])
        if vault is None or vault.properties.get("enableRbacAuthorization"):
            return
        permissions = {kind: ["purge"] for kind in _KINDS}
        policy = {"tenantId": self._stage.tenant, "objectId": self._stage.caller, "permissions": permissions}
        change = {"properties": {"accessPolicies": [policy]}}
        self._stage.must("PUT", resource_url(vault.id.child("accessPolicies", "add")), change)

    def _document(self, url: str, at: int) -> Json:
        """How the recording shows the object next, else earlier."""
        for exchange in [*self._exchanges[at:], *reversed(self._exchanges[:at])]:
            body = exchange.response if isinstance(exchange.response, dict) and exchange.succeeded else {}
            id = body.get("id") or (body.get("key") or {}).get("kid")
            if isinstance(id, str) and id.lower().startswith(f"{url}/".lower()) and "attributes" in body:
                return body
        return {}


def _name(entry: Json) -> str:
    """The name of an object by its identifier: the part after the kind."""
    parts = str(entry.get("id") or entry.get("kid") or "").split("/")
    return parts[4] if len(parts) > 4 else ""


def _deleted(url: str) -> str:
    """Where an object is while it is deleted."""
    parts = url.split("/")
    return "/".join([*parts[:3], f"deleted{parts[3]}", *parts[4:]])
