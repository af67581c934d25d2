# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are not Azure's, as a company's proxy gives them, end in one sentence and not in a traceback."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError, Denied, Unavailable
from ansible_collections.azvm.access.plugins.module_utils._operations import rdp_nsg_rule
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.tests.integration.rdp_nsg_rule.conftest import one_sentence, parameters
from ansible_collections.azvm.access.tests.integration.support.middlebox import Middlebox, Reply

if t.TYPE_CHECKING:
    from pathlib import Path

PAGE = "<!DOCTYPE html>\n<html><head><title>Blocked</title></head><body>Ask your administrator.</body></html>"
PRINCIPAL = {
    "AZURE_SUBSCRIPTION_ID": "0d5f3a52-8c1e-4b7a-9e46-2f1b7c9d8a30",
    "AZURE_TENANT": "a1c35f0e-6d2b-4f8e-9b57-3d0c2f6a7e11",
    "AZURE_CLIENT_ID": "1e9c0b12-e7ce-5bb6-8410-2653dc2385f4",
    "AZURE_SECRET": "secret",
}


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (Reply(status=502, type="text/html", body=PAGE), Unavailable, "Http502"),
        (Reply(status=403, type="text/html", body=PAGE), Denied, "Http403"),
        (Reply(status=200, type="text/html", body=PAGE), Unavailable, "UnexpectedAnswer"),
        (Reply(status=200, type="text/plain", body="Welcome"), Unavailable, "UnexpectedAnswer"),
        (Reply(status=200, body=""), Unavailable, "UnexpectedAnswer"),
        (Reply(status=200, body="null"), Unavailable, "UnexpectedAnswer"),
        (Reply(status=200, body="[]"), Unavailable, "UnexpectedAnswer"),
        (Reply(status=200, body='{"id": "x", "properties": 7}'), Unavailable, "UnexpectedAnswer"),
        (Reply(status=200, body='{"id": '), Unavailable, "UnexpectedAnswer"),
        (Reply(status=302, headers=(("Location", "https://portal.example.com/"),)), Unavailable, "ServiceRequestError"),
        (Reply(status=500, body='"out of order"'), Unavailable, "Http500"),
        (Reply(status=500, body='{"error": "text"}'), Unavailable, "Http500"),
        (Reply(status=200, body="null", headers=(("Date", "yesterday"),)), Unavailable, "UnexpectedAnswer"),
    ],
    ids=lambda value: f"{value.status} {value.type} {value.body[:12]}" if isinstance(value, Reply) else None,
)
def test_an_odd_answer(
    reply: Reply, kind: type[AccessError], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Middlebox(tmp_path, reply) as box:
        for name, value in box.environment.items():
            monkeypatch.setenv(name, value)
        azure = AzureClients(
            sign_in({}, environment=PRINCIPAL, home=tmp_path), subscription=None, poll_interval=0.1, timeout=20
        )
        options = rdp_nsg_rule.Options.from_parameters(parameters("win1"))
        with pytest.raises(AccessError) as caught:
            rdp_nsg_rule.run(options, Context(azure=azure, deadline=Deadline(20), check_mode=False))
        azure.compute.close()
    error = caught.value
    one_sentence(error)
    assert isinstance(error, kind)
    assert error.code == code
    assert "win1" in error.message
    if code == "UnexpectedAnswer":
        # It may as well be a fault of ours, so what happened is said.
        assert error.details["cause"] in error.message
        assert "Error: " in error.details["cause"]
