# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the guest scripts: read into values, and failures into sentences that help."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Refused
from ansible_collections.azvm.access.plugins.module_utils._domain.listener import Bound, Listener, Record
from ansible_collections.azvm.access.plugins.module_utils._domain.listener_plan import Changes, Removal
from ansible_collections.azvm.access.plugins.module_utils._domain.script_run import ExecutionState, ScriptRun
from ansible_collections.azvm.access.plugins.module_utils._guest.script import ScriptFailed
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_listener import APPLY, READ
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_messages import (
    apply_payload,
    explained,
    guest_state,
    remove_payload,
)

THUMBPRINT = "2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12"
STATE: dict[str, t.Any] = {
    "ok": True,
    "computer_name": "WIN1",
    "service": {"status": "Running", "start_type": "Automatic"},
    "listeners": [
        {
            "address": "*",
            "transport": "HTTPS",
            "port": 5986,
            "hostname": "win1",
            "enabled": True,
            "thumbprint": THUMBPRINT.lower(),
            "source": "",
        }
    ],
    "auth": {"basic": False, "kerberos": True, "negotiate": True, "certificate": False, "credssp": False},
    "allow_unencrypted": False,
    "policy": ["Basic"],
    "session_configuration": "enabled",
    "token_filter_policy": None,
    "certificate": {
        "thumbprint": THUMBPRINT,
        "common_name": "win1",
        "dns_names": ["win1"],
        "not_after": "2031-01-01T00:00:00Z",
        "has_private_key": True,
        "usages": ["1.3.6.1.5.5.7.3.1"],
    },
    "firewall": {
        "enabled": True,
        "direction": "Inbound",
        "action": "Allow",
        "profile": "Any",
        "protocol": "TCP",
        "local_ports": ["5986"],
        "remote_addresses": ["203.0.113.0/255.255.255.0"],
    },
    "record": '{"listeners":[{"port":5986,"thumbprint":"X"}]}',
}


def run(
    output: str, *, exit_code: int | None = 0, state: ExecutionState = ExecutionState.SUCCEEDED, error: str = ""
) -> ScriptRun:
    return ScriptRun(state=state, exit_code=exit_code, output=output, error=error)


def failed(**answer: t.Any) -> ScriptFailed:
    text = json.dumps({"ok": False, "done": [], "restored": None, "binding": "", "hresult": "0x80131509", **answer})
    with pytest.raises(ScriptFailed) as caught:
        APPLY.answer(run(text, exit_code=1, state=ExecutionState.FAILED), where="VM")
    return caught.value


def test_a_state_becomes_values() -> None:
    state = guest_state(READ.answer(run(json.dumps(STATE) + "\r\n"), where="VM"))
    assert state.listener == Listener(
        address="*", transport="HTTPS", port=5986, hostname="win1", enabled=True, thumbprint=THUMBPRINT
    )
    assert state.firewall is not None
    assert state.firewall.remote_addresses == ("203.0.113.0/24",)
    assert state.policy == {"Basic"}
    assert state.record == Record(listeners=(Bound(port=5986, thumbprint="X"),))
    assert state.has_record


def test_a_stopped_service_leaves_gaps() -> None:
    gaps = dict.fromkeys(("listeners", "auth", "allow_unencrypted", "session_configuration", "firewall", "record"))
    state = guest_state({**STATE, **gaps, "service": {"status": "Stopped", "start_type": "Manual"}})
    assert not state.service_running
    assert state.listener is None
    assert not state.has_record


def test_a_console_that_wraps_lines_does_no_harm() -> None:
    text = json.dumps(STATE)
    wrapped = "\r\n".join(text[start : start + 80] for start in range(0, len(text), 80))
    assert READ.answer(run(wrapped), where="VM") == STATE


@pytest.mark.parametrize(
    "broken",
    [
        {"computer_name": None},
        {"service": None},
        {"listeners": [{}]},
        {"auth": {"basic": "false"}},
        {"policy": None},
        {"token_filter_policy": "many"},
    ],
)
def test_an_answer_of_another_form_is_refused(broken: dict[str, t.Any]) -> None:
    with pytest.raises(Refused) as caught:
        guest_state({**STATE, **broken})
    assert caught.value.code == "ScriptAnswerUnreadable"


def test_a_success_with_an_exit_code_is_no_success() -> None:
    with pytest.raises(ScriptFailed) as caught:
        READ.answer(run(json.dumps(STATE), exit_code=1), where="VM")
    assert caught.value.details["exit_code"] == 1


def test_no_answer_shows_the_last_lines() -> None:
    with pytest.raises(ScriptFailed) as caught:
        READ.answer(run("noise", exit_code=127, error="line 1\nnot found\n", state=ExecutionState.FAILED), where="VM")
    assert caught.value.code == "ScriptWithoutAnswer"
    assert "127" in caught.value.message
    assert "not found" in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "[1]", "{]", '["{"]'])
def test_what_is_not_one_object_is_no_answer(text: str) -> None:
    with pytest.raises(ScriptFailed) as caught:
        READ.answer(run(text), where="VM")
    assert caught.value.code == "ScriptWithoutAnswer"


@pytest.mark.parametrize("state", [ExecutionState.TIMED_OUT, ExecutionState.CANCELED])
def test_an_ended_script_is_not_believed(state: ExecutionState) -> None:
    with pytest.raises(ScriptFailed) as caught:
        READ.answer(run(json.dumps(STATE), state=state), where="VM")
    assert caught.value.code == f"Script{state.value}"


FAULT = (
    '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150859029" Machine="WIN1">'
    "<f:Message>{}</f:Message></f:WSManFault>"
)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (FAULT.format("Kein passendes Zertifikat."), "CertificateRefused"),
        ("The certificate CN and the hostname that were provided do not match.", "CertificateRefused"),
        (
            "The CertificateThumbprint property must be empty when the SSL configuration will be shared with it.",
            "SslBindingShared",
        ),
        ("The process cannot access the file because it is being used by another process.", "PortInUse"),
        ("Something else.", "ListenerRefused"),
    ],
)
def test_a_refused_listener_is_explained(message: str, code: str) -> None:
    result = explained(failed(step="listener", message=message, restored=True), where="VM", port=5986)
    assert result.code == code
    assert result.hint
    assert "<" not in result.message
    assert "put back" in result.message


def test_a_lost_listener_is_not_hidden() -> None:
    result = explained(failed(step="listener", message="No.", restored=False), where="VM", port=5986)
    assert "there is none now" in result.message


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("certificate", "CertificateNotInstalled"),
        ("service", "WinRMServiceFailed"),
        ("session_configuration", "RemotingNotEnabled"),
        ("firewall", "FirewallRefused"),
        ("record", "RegistryRefused"),
        ("auth", "ScriptFailed"),
    ],
)
def test_every_step_has_its_code(step: str, code: str) -> None:
    result = explained(failed(step=step, message="Access is denied."), where="VM", port=5986)
    assert (result.code, step in result.message) == (code, True)


def test_nothing_to_change_is_null() -> None:
    payload = apply_payload(THUMBPRINT, Changes(record=Record()))
    changing = {key: value for key, value in payload.items() if key not in ("thumbprint", "firewall_rule", "record")}
    assert set(changing.values()) == {None}
    removal = {key: value for key, value in remove_payload(Removal()).items() if key != "firewall_rule"}
    assert set(removal.values()) == {None}


def test_a_plan_becomes_a_payload() -> None:
    changes = Changes(
        record=Record(),
        service=True,
        auth=(("Basic", False),),
        token_filter_policy=1,
        listener=Listener(
            address="*", transport="HTTPS", port=5986, hostname="win1", enabled=True, thumbprint=THUMBPRINT
        ),
        firewall=(5986, ("192.0.2.1",)),
    )
    payload = apply_payload(THUMBPRINT, changes)
    assert payload["service"] is True
    assert payload["auth"] == {"Basic": "false"}
    assert payload["listener"] == {"port": 5986, "hostname": "win1", "thumbprint": THUMBPRINT}
    assert payload["firewall"]["remote_addresses"] == ["192.0.2.1"]
    assert json.loads(payload["record"]) == json.loads(Record().encode())


def test_a_policy_value_that_was_absent_is_deleted_again() -> None:
    assert remove_payload(Removal(token_filter_policy=(None,)))["token_filter_policy"] == {"value": None}
    assert remove_payload(Removal(token_filter_policy=(0,)))["token_filter_policy"] == {"value": 0}
