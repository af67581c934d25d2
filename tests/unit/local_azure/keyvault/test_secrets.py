# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in the vault's plane."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from local_azure.core.wire import Json

from .conftest import VAULT, Plane, code

BASE = f"https://{VAULT}.vault.azure.net/secrets"


def test_set_and_get(plane: Plane) -> None:
    body = {"value": "s3cret", "contentType": "text/plain", "tags": {"a": "b"}, "attributes": {"exp": 1900000000}}
    made = plane.data("PUT", "/secrets/Pass", body)
    assert made.status_code == 200
    version = made.json()["id"].rsplit("/", 1)[1]
    assert len(version) == 32
    for path in ("/secrets/Pass", "/secrets/pass/", f"/secrets/Pass/{version}"):
        assert plane.data("GET", path).json() == made.json()
    shown = made.json()
    assert shown["attributes"]["enabled"] is True
    assert shown["attributes"]["exp"] == 1900000000
    assert shown["attributes"]["recoveryLevel"] == "Recoverable+Purgeable"


def test_unknown_secrets_and_versions(plane: Plane) -> None:
    assert code(plane.data("GET", "/secrets/nope"))[:2] == (404, "SecretNotFound")
    plane.data("PUT", "/secrets/a", {"value": "1"})
    assert code(plane.data("GET", f"/secrets/a/{'0' * 32}"))[:2] == (404, "SecretNotFound")
    assert code(plane.data("PATCH", "/secrets/nope", {}))[:2] == (404, "SecretNotFound")
    assert code(plane.data("DELETE", "/secrets/nope"))[:2] == (404, "SecretNotFound")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": 7},
        {"value": "x" * (25 * 1024 + 1)},
        {"value": "x", "tags": {str(n): "" for n in range(16)}},
        {"value": "x", "tags": {"n": "x" * 257}},
        {"value": "x", "tags": {"n" * 257: ""}},
        {"value": "x", "tags": ["a"]},
        {"value": "x", "contentType": "x" * 256},
        {"value": "x", "attributes": {"enabled": "yes"}},
        {"value": "x", "attributes": {"nbf": "soon"}},
        {"value": "x", "attributes": {"nbf": 20, "exp": 10}},
    ],
)
def test_bad_parameters(plane: Plane, body: Json) -> None:
    assert code(plane.data("PUT", "/secrets/a", body))[:2] == (400, "BadParameter")
    assert plane.data("GET", "/secrets/a").status_code == 404


def test_limits_are_inclusive(plane: Plane) -> None:
    body = {"value": "x" * 25 * 1024, "tags": {str(n): "x" * 256 for n in range(15)}}
    assert plane.data("PUT", "/secrets/a", body).status_code == 200


def test_bad_names_and_bodies(plane: Plane) -> None:
    assert code(plane.data("PUT", "/secrets/a_b", {"value": "x"}))[:2] == (400, "BadParameter")
    client = plane.world.vault(VAULT)
    broken = client.put("/secrets/a", params={"api-version": "7.4"}, content=b"{")
    assert code(broken)[:2] == (400, "BadParameter")


def test_versions_and_update(plane: Plane) -> None:
    first = plane.data("PUT", "/secrets/a", {"value": "1", "tags": {"n": "1"}}).json()
    second = plane.data("PUT", "/secrets/a", {"value": "2"}).json()
    listed = plane.data("GET", "/secrets/a/versions").json()["value"]
    assert [one["id"] for one in listed] == sorted([first["id"], second["id"]])
    assert all("value" not in one for one in listed)
    path = first["id"].removeprefix(f"https://{VAULT}.vault.azure.net")
    changed = plane.data("PATCH", path, {"attributes": {"enabled": False}, "contentType": "text/x"}).json()
    assert (changed["attributes"]["enabled"], changed["contentType"], changed["tags"]) == (False, "text/x", {"n": "1"})
    assert "value" not in changed
    assert code(plane.data("GET", path)) == (403, "Forbidden", "SecretDisabled")
    assert plane.data("GET", "/secrets/a").json()["value"] == "2"


def test_validity_dates_do_not_hinder_reading(plane: Plane) -> None:
    plane.data("PUT", "/secrets/a", {"value": "1", "attributes": {"nbf": 10, "exp": 20}})
    assert plane.data("GET", "/secrets/a").json()["value"] == "1"


def test_pages(plane: Plane) -> None:
    for n in range(28):
        plane.data("PUT", f"/secrets/s{n:02}", {"value": "x"})
    first = plane.data("GET", "/secrets").json()
    assert len(first["value"]) == 25
    assert first["value"][0]["id"] == f"{BASE}/s00"
    assert first["nextLink"].startswith(
        f"https://{VAULT}.vault.azure.net:443/secrets?api-version=2026-04-01&$skiptoken="
    )
    rest = plane.world.vault(VAULT).get(first["nextLink"]).json()
    assert [one["id"].rsplit("/", 1)[1] for one in rest["value"]] == ["s25", "s26", "s27"]
    assert rest["nextLink"] is None
    assert len(plane.data("GET", "/secrets", maxresults=3).json()["value"]) == 3
    for size in ("0", "26", "x"):
        assert code(plane.data("GET", "/secrets", maxresults=size))[:2] == (400, "BadParameter")


def test_soft_delete_recover_purge(plane: Plane) -> None:
    made = plane.data("PUT", "/secrets/a", {"value": "1"}).json()
    deleted = plane.data("DELETE", "/secrets/a").json()
    assert deleted["recoveryId"] == f"https://{VAULT}.vault.azure.net/deletedsecrets/a"
    assert deleted["scheduledPurgeDate"] - deleted["deletedDate"] == 90 * 86400
    assert deleted["id"] == made["id"]
    assert "value" not in deleted
    assert plane.data("GET", "/secrets/a").status_code == 404
    assert plane.data("GET", "/deletedsecrets/a").json() == deleted
    assert len(plane.data("GET", "/deletedsecrets").json()["value"]) == 1
    conflict = plane.data("PUT", "/secrets/a", {"value": "2"})
    assert code(conflict) == (409, "Conflict", "ObjectIsDeletedButRecoverable")

    recovered = plane.data("POST", "/deletedsecrets/a/recover", {})
    assert recovered.status_code == 200
    assert recovered.json()["id"] == made["id"]
    assert plane.data("GET", "/secrets/a").json()["value"] == "1"
    assert plane.data("GET", "/deletedsecrets/a").status_code == 404

    plane.data("DELETE", "/secrets/a")
    assert plane.data("DELETE", "/deletedsecrets/a").status_code == 204
    assert plane.data("GET", "/deletedsecrets/a").status_code == 404
    assert plane.data("PUT", "/secrets/a", {"value": "2"}).status_code == 200
    assert len(plane.data("GET", "/secrets/a/versions").json()["value"]) == 1


def test_deletion_and_recovery_take_a_moment(start: Callable[..., Plane]) -> None:
    plane = start(pace=1.0)
    plane.create()
    plane.data("PUT", "/secrets/a", {"value": "1"})
    plane.data("DELETE", "/secrets/a")
    assert plane.data("GET", "/secrets/a").status_code == 404
    assert plane.data("GET", "/deletedsecrets/a").status_code == 404
    assert code(plane.data("PUT", "/secrets/a", {"value": "2"}))[2] == "ObjectIsBeingDeleted"
    plane.azure.clock.advance(timedelta(seconds=6))
    assert plane.data("GET", "/deletedsecrets/a").status_code == 200
    plane.data("POST", "/deletedsecrets/a/recover", {})
    assert plane.data("GET", "/secrets/a").status_code == 404
    plane.azure.clock.advance(timedelta(seconds=6))
    assert plane.data("GET", "/secrets/a").status_code == 200
    assert code(plane.data("PUT", "/secrets/a", {"value": "2"})) == (409, "Conflict", "ObjectIsBeingRecovered")
    plane.azure.clock.advance(timedelta(seconds=16))
    assert plane.data("PUT", "/secrets/a", {"value": "2"}).status_code == 200


def test_deleted_secrets_go_when_their_time_is_over(plane: Plane) -> None:
    plane.data("PUT", "/secrets/a", {"value": "1"})
    plane.data("DELETE", "/secrets/a")
    plane.azure.clock.advance(timedelta(days=91))
    assert plane.data("GET", "/deletedsecrets/a").status_code == 404
    assert plane.data("PUT", "/secrets/a", {"value": "2"}).status_code == 200


def test_purge_protection(start: Callable[..., Plane]) -> None:
    plane = start()
    plane.create(enablePurgeProtection=True)
    plane.data("PUT", "/secrets/a", {"value": "1"})
    assert plane.data("DELETE", "/secrets/a").json()["attributes"]["recoveryLevel"] == "Recoverable"
    assert code(plane.data("DELETE", "/deletedsecrets/a"))[:2] == (403, "Forbidden")


def test_the_platform_finds_secret_versions(plane: Plane) -> None:
    url = plane.data("PUT", "/secrets/a", {"value": "v", "contentType": "c"}).json()["id"]
    found = plane.azure.vaults.find_secret(url)
    assert found is not None
    assert (found.value, found.content_type, found.enabled, found.vault.id.name) == ("v", "c", True, VAULT)
    for other in (url.rsplit("/", 1)[0], url.replace("secrets", "certificates"), url[:-1] + "x", "http" + url[5:], ""):
        assert plane.azure.vaults.find_secret(other) is None
    plane.data("DELETE", "/secrets/a")
    assert plane.azure.vaults.find_secret(url) is None


def test_values_are_in_no_dump(plane: Plane) -> None:
    plane.data("PUT", "/secrets/a", {"value": "needle-in-haystack"})
    vault = plane.azure.vaults.named(VAULT)
    assert vault is not None
    secret = plane.azure.vaults.contents(vault).secrets["a"]
    for text in (repr(secret), repr(vault), repr(plane.azure.vaults.describe())):
        assert "needle-in-haystack" not in text
    assert plane.azure.vaults.describe()[0]["secrets"][0]["name"] == "a"


def test_what_is_not_deleted_is_not_recovered(start: Callable[..., Plane]) -> None:
    plane = start(pace=1.0)
    plane.create()
    plane.data("PUT", "/secrets/s", {"value": "x"})
    assert code(plane.data("POST", "/deletedsecrets/none/recover")) == (404, "SecretNotFound", None)
    live = plane.data("POST", "/deletedsecrets/s/recover")
    assert code(live) == (400, "MethodNotAllowed", "RequestNotAllowedOnNonDeletedObject")
    plane.data("DELETE", "/secrets/s")
    under_way = plane.data("POST", "/deletedsecrets/s/recover")
    assert code(under_way) == (409, "Conflict", "ObjectIsBeingDeleted")


def test_the_oldest_versions_do_not_tell_the_days(plane: Plane) -> None:
    plane.data("PUT", "/secrets/s", {"value": "x"})
    told = [
        "recoverableDays" in plane.data("GET", "/secrets/s", version=one).json()["attributes"] for one in ("7.0", "7.1")
    ]
    assert told == [False, True]
