# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the Remote Desktop scripts: read into values, and failures into sentences that help."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Refused
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_listener import (
    Binding,
    KeyAccess,
    RdpListener,
    RdpRecord,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_listener_plan import RdpChanges, RdpRemoval
from ansible_collections.azvm.access.plugins.module_utils._domain.script_run import ExecutionState, ScriptRun
from ansible_collections.azvm.access.plugins.module_utils._guest.rdp_listener import APPLY
from ansible_collections.azvm.access.plugins.module_utils._guest.rdp_messages import (
    apply_payload,
    explained,
    rdp_state,
    read_payload,
    remove_payload,
)
from ansible_collections.azvm.access.plugins.module_utils._guest.script import ScriptFailed

THUMBPRINT = "2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12"
REQUEST = read_payload(thumbprint=THUMBPRINT, port=3390)
STATE: dict[str, t.Any] = {
    "ok": True,
    "computer_name": "WIN1",
    "service": {"status": "Running", "start_type": "Manual"},
    "port": 3389,
    "port_taken": False,
    "listener": {
        "enabled": True,
        "thumbprint": THUMBPRINT.lower(),
        "thumbprint_type": 3,
        "network_level_authentication": True,
        "security_layer": 1,
    },
    "policy": ["security_layer"],
    "certificate": None,
    "key_access": "missing",
    "firewall": None,
    "windows_rule": True,
    "record": '{"certificates":["X"]}',
}


def failed(**answer: t.Any) -> ScriptFailed:
    text = json.dumps({"ok": False, "message": "Invalid parameter ", "hresult": "0x80131500", "done": [], **answer})
    run = ScriptRun(state=ExecutionState.FAILED, exit_code=1, output=text)
    with pytest.raises(ScriptFailed) as caught:
        APPLY.answer(run, where="VM")
    return caught.value


def test_a_state_becomes_values() -> None:
    state = rdp_state(STATE)
    assert state.listener == RdpListener(
        enabled=True,
        thumbprint=THUMBPRINT,
        binding=Binding.CUSTOM,
        network_level_authentication=True,
        security_layer=1,
    )
    assert (state.key_access, state.windows_rule) == (KeyAccess.MISSING, True)
    assert state.policy == {"security_layer"}
    assert (state.record, state.has_record) == (RdpRecord(certificates=("X",)), True)


@pytest.mark.parametrize(
    ("number", "binding"),
    [(0, Binding.INVALID), (1, Binding.OWN), (2, Binding.POLICY), (3, Binding.CUSTOM), (4, Binding.INVALID)],
)
def test_every_kind_of_binding_is_known(number: int, binding: Binding) -> None:
    state = rdp_state({**STATE, "listener": {**STATE["listener"], "thumbprint_type": number}})
    assert state.listener is not None
    assert state.listener.binding is binding
    assert (state.listener.bound is None) is (binding in (Binding.OWN, Binding.INVALID))


@pytest.mark.parametrize(
    "broken",
    [
        {"port": None},
        {"port_taken": "yes"},
        {"listener": {}},
        {"key_access": "perhaps"},
        {"policy": None},
        {"windows_rule": None},
    ],
)
def test_an_answer_of_another_form_is_refused(broken: dict[str, t.Any]) -> None:
    with pytest.raises(Refused) as caught:
        rdp_state({**STATE, **broken})
    assert caught.value.code == "ScriptAnswerUnreadable"


def test_plans_become_payloads() -> None:
    nothing = apply_payload(REQUEST, RdpChanges(record=RdpRecord()))
    assert {key: nothing[key] for key in ("service", "key_right", "certificate", "firewall", "settings")} == {
        "service": None,
        "key_right": None,
        "certificate": None,
        "firewall": None,
        "settings": {},
    }
    changes = RdpChanges(record=RdpRecord(), settings=(("port", 3390),), firewall=(3390, ("192.0.2.1",)))
    payload = apply_payload(REQUEST, changes)
    assert payload["settings"] == {"port": 3390}
    assert payload["firewall"]["remote_addresses"] == ["192.0.2.1"]
    removal = remove_payload(REQUEST, RdpRemoval(certificate=True, key_rights=(THUMBPRINT,)))
    assert (removal["certificate"], removal["restart"], removal["key_rights"]) == (True, True, [THUMBPRINT])
    assert (removal["firewall"], removal["settings"]) == (None, {})


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("certificate", "CertificateNotInstalled"),
        ("service", "RdpServiceFailed"),
        ("key_right", "KeyRightRefused"),
        ("binding", "CertificateRefused"),
        ("firewall", "FirewallRefused"),
        ("record", "RegistryRefused"),
        ("security_layer", "SettingRefused"),
        ("network_level_authentication", "SettingRefused"),
        ("enabled", "SettingRefused"),
        ("port", "PortRefused"),
        ("restart", "RdpServiceFailed"),
        ("state", "ScriptFailed"),
    ],
)
def test_every_step_has_its_code(step: str, code: str) -> None:
    result = explained(failed(step=step), where="VM")
    assert (result.code, step in result.message, bool(result.hint)) == (code, True, True)


@pytest.mark.parametrize(("restored", "said"), [(True, "put back"), (False, "could not be put back")])
def test_a_port_that_was_put_back_is_said(restored: bool, said: str) -> None:
    assert said in explained(failed(step="port", restored=restored), where="VM").message
