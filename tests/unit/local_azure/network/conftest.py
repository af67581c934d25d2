# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: an in-process Azure, and the real SDK on top of it."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import requests
import urllib3
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.network import NetworkManagementClient
from requests.adapters import BaseAdapter, HTTPAdapter

from ansible_collections.azvm.access.tests.unit.local_azure.network.clouds import (
    SCENARIO,
    Cloud,
    Json,
    NewCloud,
    make_cloud,
)
from local_azure.testing import InProcess


@pytest.fixture
def new_cloud() -> Iterator[NewCloud]:
    """Makes Azures with scenarios of the test's own."""
    with ExitStack() as stack:

        def make(scenario: Json, *, pace: float = 0.0, judged: bool = True) -> Cloud:
            made = make_cloud(scenario, pace=pace, judged=judged)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def cloud(new_cloud: NewCloud) -> Cloud:
    return new_cloud(SCENARIO)


@pytest.fixture
def slow_cloud(new_cloud: NewCloud) -> Cloud:
    """Operations run until `settle`."""
    return new_cloud(SCENARIO, pace=1.0)


class _Credential:
    def __init__(self, made: InProcess) -> None:
        principal = made.azure.authorization.principal_named("default")
        assert principal is not None
        self._token = made.azure.identity.issue(principal, "https://management.azure.com")

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken(self._token, int(time.time()) + 3600)


class _Adapter(BaseAdapter):
    """Takes what the SDK hands to `requests` and gives it to the application, as bytes of HTTP in both directions."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        super().__init__()
        self._transport = transport
        self._builder = HTTPAdapter()

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:  # type: ignore[override]
        assert request.url is not None
        assert request.method is not None
        content = request.body.encode() if isinstance(request.body, str) else request.body
        assert content is None or isinstance(content, bytes)
        answer = self._transport.handle_request(
            httpx.Request(request.method, request.url, headers=_texts(request), content=content)
        )
        raw = urllib3.HTTPResponse(
            body=io.BytesIO(answer.content),
            headers=dict(answer.headers),
            status=answer.status_code,
            preload_content=False,
        )
        return self._builder.build_response(request, raw)

    def close(self) -> None:
        self._builder.close()


def _texts(request: requests.PreparedRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.headers.items()}


@pytest.fixture
def sdk(cloud: Cloud) -> Iterator[NetworkManagementClient]:
    """The real client of azure-mgmt-network on `cloud`."""
    session = requests.Session()
    session.mount("https://", _Adapter(cloud.made.transport))
    client = NetworkManagementClient(
        _Credential(cloud.made),
        cloud.made.azure.settings.subscription_id,
        transport=RequestsTransport(session=session, session_owner=False),
    )
    yield client
    session.close()
