# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Resource Manager checks before a provider is asked."""

from __future__ import annotations

import json

import pytest

from local_azure.core.call import Answer, Call
from local_azure.testing import InProcess, in_process

VERSION = {"api-version": "2024-01-01"}
THINGS = "Microsoft.Example/things"


def echo(call: Call) -> Answer:
    return Answer(
        status=200,
        body={
            "id": str(call.id),
            "collection": call.collection,
            "action": call.action,
            "params": dict(call.params),
            "body": call.body,
            "version": call.api_version,
        },
    )


async def echo_later(call: Call) -> Answer:
    return echo(call)


@pytest.fixture
def local() -> InProcess:
    made = in_process({"groups": [{"name": "Demo", "location": "westeurope"}]}, judged=False)
    arm = made.azure.arm
    arm.route("GET", THINGS + "/{thing}", echo, action=THINGS + "/read", api_versions=("2020-01-01",))
    arm.route("PUT", THINGS + "/{thing}", echo_later, action=THINGS + "/write")
    arm.route("GET", THINGS, echo, action=THINGS + "/read")
    arm.route("GET", THINGS, echo, action=THINGS + "/read", scope="subscription")
    arm.route("POST", THINGS + "/{thing}/poke", echo, action=THINGS + "/poke/action")
    arm.route("GET", THINGS + "/{thing}/parts/{part}", echo, action=THINGS + "/parts/read")
    return made


def thing(local: InProcess, rest: str = "") -> str:
    return f"{local.group('Demo')}/providers/{THINGS}{rest}"


def test_ids_come_out_in_canonical_casing(local: InProcess) -> None:
    path = thing(local, "/One").replace("resourceGroups/Demo", "RESOURCEGROUPS/dEMO").replace(THINGS, THINGS.upper())
    answer = local.client.get(path.upper().replace("/ONE", "/One"), params=VERSION).json()
    assert answer["id"] == thing(local, "/One")
    assert answer["params"] == {"thing": "One"}


def test_collections_and_actions(local: InProcess) -> None:
    listed = local.client.get(thing(local), params=VERSION).json()
    assert (listed["id"], listed["collection"]) == (local.group("Demo"), THINGS)
    poked = local.client.post(thing(local, "/one/POKE"), params=VERSION).json()
    assert (poked["id"], poked["action"]) == (thing(local, "/one"), "poke")
    everywhere = local.client.get(f"{local.subscription}/providers/{THINGS}", params=VERSION).json()
    assert (everywhere["id"], everywhere["collection"]) == (local.subscription, THINGS)


def test_asynchronous_handlers_and_bodies(local: InProcess) -> None:
    answer = local.client.put(thing(local, "/one"), params=VERSION, json={"location": "westeurope"})
    assert answer.json()["body"] == {"location": "westeurope"}


@pytest.mark.parametrize(
    ("request_line", "version", "status", "code"),
    [
        ("GET /one", None, 400, "MissingApiVersionParameter"),
        ("GET /one", "", 400, "MissingApiVersionParameter"),
        ("GET /one", "latest", 400, "InvalidApiVersionParameter"),
        ("GET /one", "2024-13-01", 400, "InvalidApiVersionParameter"),
        ("GET /one", "2019-12-31", 400, "NoRegisteredProviderFound"),
        ("GET /one", "2020-01-01-preview", 200, None),
        ("DELETE /one", "2024-01-01", 405, "MethodNotAllowed"),
        ("GET /one/bits/two", "2024-01-01", 404, "InvalidResourceType"),
        ("POST /one/kick", "2024-01-01", 404, "InvalidResourceType"),
    ],
)
def test_versions_and_types(
    local: InProcess, request_line: str, version: str | None, status: int, code: str | None
) -> None:
    method, path = request_line.split()
    params = {} if version is None else {"api-version": version}
    answer = local.client.request(method, thing(local, path), params=params)
    assert answer.status_code == status, answer.text
    assert answer.json().get("error", {}).get("code") == code


def test_what_does_not_exist(local: InProcess) -> None:
    def code(path: str) -> str:
        answer = local.client.get(path, params=VERSION)
        assert answer.status_code == 404
        return str(answer.json()["error"]["code"])

    assert code(thing(local, "/one").replace("Demo", "Nope")) == "ResourceGroupNotFound"
    assert code(thing(local, "/one").replace(THINGS, "Microsoft.Nope/things")) == "InvalidResourceNamespace"
    assert code("/subscriptions/11111111-2222-3333-4444-555555555555") == "SubscriptionNotFound"
    assert code("/nothing") == "InvalidResourceType"


@pytest.mark.parametrize("content", [b"{", b"[1]", b'"text"', b"\xff\xfe"])
def test_bodies_that_are_not_objects(local: InProcess, content: bytes) -> None:
    answer = local.client.put(thing(local, "/one"), params=VERSION, content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequestContent")


def test_rights_are_checked_with_azures_words(local: InProcess) -> None:
    reader = local.as_principal("reader")
    assert reader.get(thing(local, "/one"), params=VERSION).status_code == 200
    refused = reader.put(thing(local, "/one"), params=VERSION, json={})
    principal = local.azure.authorization.principal_named("reader")
    assert principal is not None
    assert refused.status_code == 403
    assert refused.headers["x-ms-failure-cause"] == "gateway"
    assert refused.json()["error"] == {
        "code": "AuthorizationFailed",
        "message": f"The client '{principal.client_id}' with object id '{principal.object_id}' does not have "
        f"authorization to perform action '{THINGS}/write' over scope '{thing(local, '/one')}' or the scope is "
        "invalid. If access was recently granted, please refresh your credentials.",
    }


def test_lists_of_the_subscription_show_what_may_be_read() -> None:
    local = in_process(
        {
            "groups": [{"name": name, "location": "westeurope"} for name in ("mine", "other")],
            "principals": [{"name": "default", "roles": [{"role": "Reader", "scope": "group mine"}]}],
        },
        judged=False,
    )

    def listed(call: Call) -> Answer:
        ids = [f"{local.group(name)}/providers/{THINGS}/one" for name in ("mine", "other")]
        return Answer(status=200, body={"value": [{"id": id} for id in ids]})

    local.azure.arm.route("GET", THINGS, listed, action=THINGS + "/read", scope="subscription")
    answer = local.client.get(f"{local.subscription}/providers/{THINGS}", params=VERSION)
    assert [one["id"] for one in answer.json()["value"]] == [f"{local.group('mine')}/providers/{THINGS}/one"]


def test_a_provider_that_is_not_registered_refuses_writes(local: InProcess) -> None:
    local.azure.unregistered["microsoft.example"] = None
    assert local.client.get(thing(local, "/one"), params=VERSION).status_code == 200
    refused = local.client.put(thing(local, "/one"), params=VERSION, json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "MissingSubscriptionRegistration")
    provider = f"{local.subscription}/providers/microsoft.example"
    assert local.client.get(provider, params=VERSION).json()["registrationState"] == "NotRegistered"
    assert local.client.post(f"{provider}/register", params=VERSION).status_code == 200
    assert local.client.get(provider, params=VERSION).json()["registrationState"] == "Registered"
    assert local.client.put(thing(local, "/one"), params=VERSION, json={}).status_code == 200


def test_every_provider_names_an_api_version_that_it_answers() -> None:
    plain = in_process()
    providers = plain.client.get(f"{plain.subscription}/providers", params=VERSION).json()["value"]
    assert {"Microsoft.Compute", "Microsoft.KeyVault", "Microsoft.Network"} <= {one["namespace"] for one in providers}
    for provider in providers:
        assert all(len(one["apiVersions"]) == 1 for one in provider["resourceTypes"]), provider["namespace"]
    versions = {one["namespace"]: one["resourceTypes"][0]["apiVersions"][0] for one in providers}
    listed = f"{plain.subscription}/providers/Microsoft.Compute/virtualMachines"
    assert plain.client.get(listed, params={"api-version": versions["Microsoft.Compute"]}).json() == {"value": []}


def test_common_headers(local: InProcess) -> None:
    asked = {"x-ms-client-request-id": "mine", "x-ms-return-client-request-id": "true"}
    headers = local.client.get(thing(local), params=VERSION, headers=asked).headers
    assert headers["x-ms-client-request-id"] == "mine"
    assert headers["x-ms-request-id"] == headers["x-ms-correlation-request-id"]
    assert headers["x-ms-ratelimit-remaining-subscription-reads"] == "249"
    assert headers["cache-control"] == "no-cache"
    assert headers["date"].endswith("GMT")


def test_throttling_answers_429_with_retry_after(local: InProcess) -> None:
    local.azure.settings.pace = 1.0
    # 25 a second flow back into the bucket of 250 while the test empties it.
    answers = [local.client.get(thing(local), params=VERSION) for _request in range(250)]
    assert {answer.status_code for answer in answers} == {200}
    refused = next(
        answer
        for answer in (local.client.get(thing(local), params=VERSION) for _request in range(2000))
        if answer.status_code == 429
    )
    assert refused.headers["retry-after"] == "1"
    assert json.loads(refused.content)["error"]["code"] == "SubscriptionRequestsThrottled"
