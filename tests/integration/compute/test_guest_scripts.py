# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans carried out by the scripts in a modelled Windows: what Windows refuses, and what is there already."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import NotReady, Refused
from ansible_collections.azvm.access.plugins.module_utils._domain.listener import (
    FIREWALL_RULE,
    GuestState,
    WantedListener,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.listener_plan import plan_absent, plan_present
from ansible_collections.azvm.access.plugins.module_utils._domain.listener_prediction import (
    after_changes,
    after_removal,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.script_run import ExecutionState, ScriptRun
from ansible_collections.azvm.access.plugins.module_utils._guest.script import GuestScript, ScriptFailed
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_listener import APPLY, READ, REMOVE, SCRIPTS
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_messages import (
    apply_payload,
    explained,
    guest_state,
    read_payload,
    remove_payload,
)
from local_azure.guest import scripts
from local_azure.guest.certificates import self_signed
from local_azure.guest.machine import TOKEN_FILTER_POLICY, Machine
from local_azure.guest.winrm import Listener as GuestListener


@pytest.fixture
def machine() -> Machine:
    return Machine(computer_name="win1")


def install(machine: Machine, name: str = "win1") -> str:
    made = self_signed(name, now=datetime.now(UTC), validity=timedelta(days=30))
    machine.certificates["my", made.thumbprint] = made
    return made.thumbprint


def wanted(thumbprint: str, *, port: int = 5986) -> WantedListener:
    return WantedListener(port=port, thumbprint=thumbprint, hostname=None, remote_addresses=("203.0.113.7",))


def answer(machine: Machine, script: GuestScript, payload: dict[str, t.Any]) -> dict[str, t.Any]:
    result = scripts.run(machine, script.text, script.parameters(payload))
    state = ExecutionState.FAILED if result.exit_code else ExecutionState.SUCCEEDED
    run = ScriptRun(state=state, exit_code=result.exit_code, output=result.output, error=result.error)
    return script.answer(run, where="VM")


def look(machine: Machine, thumbprint: str | None = None) -> GuestState:
    return guest_state(answer(machine, READ, read_payload(thumbprint)))


def make(machine: Machine, want: WantedListener) -> GuestState:
    """Plan and apply until nothing is left to do, as the module does."""
    state = look(machine, want.thumbprint)
    for _round in range(3):
        changes = plan_present(state, want)
        if not changes.needed:
            break
        state = guest_state(answer(machine, APPLY, apply_payload(want.thumbprint, changes)))
    return state


def clear(machine: Machine) -> GuestState:
    return guest_state(answer(machine, REMOVE, remove_payload(plan_absent(look(machine)))))


def test_every_script_is_known_to_the_model_with_this_very_text() -> None:
    known = scripts.registered()
    assert {(script.name, script.version): scripts.digest(script.text) for script in SCRIPTS} == {
        (script.name, script.version): known.get((script.name, script.version)) for script in SCRIPTS
    }


def test_one_application_does_it_and_the_prediction_was_right(machine: Machine) -> None:
    thumbprint = install(machine)
    before = look(machine, thumbprint)
    changes = plan_present(before, wanted(thumbprint))
    after = guest_state(answer(machine, APPLY, apply_payload(thumbprint, changes)))
    assert after == after_changes(before, changes)
    assert machine.winrm.find("*", "HTTPS") is not None
    assert FIREWALL_RULE in machine.firewall
    assert machine.registry[TOKEN_FILTER_POLICY] == 1


def test_taking_back_leaves_the_machine_as_it_was(machine: Machine) -> None:
    untouched = look(machine)
    machine.winrm.auth.basic = True
    machine.winrm.allow_unencrypted = True
    machine.registry[TOKEN_FILTER_POLICY] = 0
    open_before = look(machine)
    assert open_before != untouched
    made = make(machine, wanted(install(machine)))
    assert (machine.winrm.auth.basic, machine.winrm.allow_unencrypted) == (False, False)
    removal = plan_absent(look(machine))
    gone = clear(machine)
    assert gone == open_before
    assert after_removal(made, removal).listeners == gone.listeners


def test_a_stopped_service_is_started_and_then_looked_at(machine: Machine) -> None:
    machine.winrm.running = False
    machine.winrm.start_type = "Manual"
    state = make(machine, wanted(install(machine)))
    assert (state.service_status, state.service_start_type) == ("Running", "Automatic")
    assert state.listener is not None


def test_a_missing_session_configuration_is_made(machine: Machine) -> None:
    machine.winrm.session_configuration = "missing"
    assert make(machine, wanted(install(machine))).session_configuration == "enabled"


def test_a_listener_of_the_same_identity_is_replaced_and_others_stay(machine: Machine) -> None:
    other = install(machine, "other")
    machine.winrm.listeners.append(
        GuestListener(transport="HTTPS", port=5986, hostname="other", certificate_thumbprint=other)
    )
    machine.winrm.listeners.append(
        GuestListener(
            transport="HTTPS", port=15986, address="IP:10.0.0.4", hostname="other", certificate_thumbprint=other
        )
    )
    state = make(machine, wanted(install(machine)))
    assert state.listener is not None
    assert state.listener.hostname == "win1"
    assert [each.port for each in state.foreign] == [5985, 15986]
    assert [each.port for each in clear(machine).listeners or ()] == [5985, 15986]


def test_a_refused_listener_leaves_the_old_one_in_place(machine: Machine) -> None:
    thumbprint = install(machine)
    make(machine, wanted(thumbprint))
    machine.winrm.ssl_bindings[8443] = "AA" * 20
    changes = plan_present(look(machine, thumbprint), wanted(thumbprint, port=8443))
    with pytest.raises(ScriptFailed) as caught:
        answer(machine, APPLY, apply_payload(thumbprint, changes))
    result = explained(caught.value, where="VM", port=8443)
    assert result.code == "SslBindingShared"
    assert "8443" in result.hint
    assert "put back" in result.message
    kept = look(machine, thumbprint).listener
    assert kept is not None
    assert kept.port == 5986
    # Still ours: the record was written first and names both.
    assert plan_absent(look(machine)).listener


def test_a_port_in_use_is_refused_by_windows_and_explained(machine: Machine) -> None:
    thumbprint = install(machine)
    changes = plan_present(look(machine, thumbprint), wanted(thumbprint, port=machine.rdp.port))
    with pytest.raises(ScriptFailed) as caught:
        answer(machine, APPLY, apply_payload(thumbprint, changes))
    result = explained(caught.value, where="VM", port=machine.rdp.port)
    assert isinstance(result, Refused)
    assert "another process" in result.message


def test_a_certificate_that_went_away_changes_nothing(machine: Machine) -> None:
    thumbprint = install(machine)
    changes = plan_present(look(machine, thumbprint), wanted(thumbprint))
    machine.certificates.clear()
    before = look(machine)
    with pytest.raises(ScriptFailed) as caught:
        answer(machine, APPLY, apply_payload(thumbprint, changes))
    assert explained(caught.value, where="VM", port=5986).code == "CertificateNotInstalled"
    assert look(machine) == before


def test_a_certificate_without_its_key_is_refused(machine: Machine) -> None:
    thumbprint = install(machine)
    found = machine.certificates["my", thumbprint]
    machine.certificates["my", thumbprint] = replace(found, key=None)
    with pytest.raises(NotReady) as caught:
        plan_present(look(machine, thumbprint), wanted(thumbprint))
    assert caught.value.code == "CertificateWithoutPrivateKey"


def test_a_policy_that_keeps_basic_on_is_reported_not_fought(machine: Machine) -> None:
    machine.winrm.auth.basic = True
    machine.winrm.policy.add("Basic")
    thumbprint = install(machine)
    make(machine, wanted(thumbprint))
    changes = plan_present(look(machine, thumbprint), wanted(thumbprint))
    assert not changes.needed
    assert "Basic" in changes.warnings[0]


def test_a_disabled_service_is_enabled(machine: Machine) -> None:
    machine.winrm.running = False
    machine.winrm.start_type = "Disabled"
    state = make(machine, wanted(install(machine)))
    assert (state.service_status, state.service_start_type) == ("Running", "Automatic")
    assert state.listener is not None


def test_a_long_list_of_addresses_fits_into_the_output(machine: Machine) -> None:
    thumbprint = install(machine)
    many = tuple(f"2001:db8:1111:2222:3333:4444:{number:x}:1" for number in range(0x1000, 0x1028))
    want = WantedListener(port=5986, thumbprint=thumbprint, hostname=None, remote_addresses=many)
    assert len(many) == 40
    make(machine, want)
    result = scripts.run(machine, READ.text, READ.parameters(read_payload(thumbprint)))
    assert len(result.output.encode()) < 4096
    assert not plan_present(look(machine, thumbprint), want).needed
