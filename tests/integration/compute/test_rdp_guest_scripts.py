# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Desktop plans carried out by the scripts in a modelled Windows: what Windows refuses, and what is there."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Conflict
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_listener import (
    FIREWALL_RULE,
    Binding,
    RdpState,
    WantedRdp,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_listener_plan import (
    after_changes,
    after_removal,
    plan_absent,
    plan_present,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.script_run import ExecutionState, ScriptRun
from ansible_collections.azvm.access.plugins.module_utils._guest.rdp_listener import APPLY, READ, REMOVE
from ansible_collections.azvm.access.plugins.module_utils._guest.rdp_messages import (
    apply_payload,
    explained,
    rdp_state,
    read_payload,
    remove_payload,
)
from ansible_collections.azvm.access.plugins.module_utils._guest.script import GuestScript, ScriptFailed
from local_azure.guest import scripts
from local_azure.guest.certificates import self_signed
from local_azure.guest.machine import Machine


@pytest.fixture
def machine() -> Machine:
    return Machine(computer_name="win1")


def install(machine: Machine, name: str = "win1") -> str:
    made = self_signed(name, now=datetime.now(UTC), validity=timedelta(days=30))
    machine.certificates["my", made.thumbprint] = made
    return made.thumbprint


def wanted(thumbprint: str | None = None, **changed: t.Any) -> WantedRdp:
    nothing = WantedRdp(
        thumbprint=thumbprint,
        network_level_authentication=None,
        security_layer=None,
        port=None,
        remote_addresses=("203.0.113.7",),
    )
    return replace(nothing, **changed)


def answer(machine: Machine, script: GuestScript, payload: dict[str, t.Any]) -> dict[str, t.Any]:
    result = scripts.run(machine, script.text, script.parameters(payload))
    state = ExecutionState.FAILED if result.exit_code else ExecutionState.SUCCEEDED
    run = ScriptRun(state=state, exit_code=result.exit_code, output=result.output, error=result.error)
    return script.answer(run, where="VM")


def request(want: WantedRdp | None) -> dict[str, t.Any]:
    if want is None:
        return read_payload(thumbprint=None, port=None)
    return read_payload(thumbprint=want.thumbprint, port=want.port)


def look(machine: Machine, want: WantedRdp | None = None) -> RdpState:
    return rdp_state(answer(machine, READ, request(want)))


def make(machine: Machine, want: WantedRdp) -> RdpState:
    """Plan and apply until nothing is left to do, as the module does."""
    state = look(machine, want)
    for _round in range(3):
        changes = plan_present(state, want)
        if not changes.needed:
            break
        state = rdp_state(answer(machine, APPLY, apply_payload(request(want), changes)))
    return state


def clear(machine: Machine) -> RdpState:
    return rdp_state(answer(machine, REMOVE, remove_payload(request(None), plan_absent(look(machine)))))


def test_one_application_does_it_and_the_prediction_was_right(machine: Machine) -> None:
    want = wanted(install(machine), network_level_authentication=False, security_layer=2, port=3390)
    before = look(machine, want)
    changes = plan_present(before, want)
    after = rdp_state(answer(machine, APPLY, apply_payload(request(want), changes)))
    # Remote Desktop itself is what listens on the port now.
    assert after == replace(after_changes(before, changes), port_taken=True)
    assert not plan_present(after, want).needed
    assert machine.rdp.readable_keys == {want.thumbprint}
    assert machine.rdp_key_usable
    assert (machine.rdp.port, machine.rdp.security_layer) == (3390, "tls")
    assert machine.firewall[FIREWALL_RULE].local_ports == (3390,)


def test_taking_back_leaves_the_machine_as_it_was(machine: Machine) -> None:
    machine.rdp.enabled = False
    machine.rdp.network_level_authentication = False
    before = look(machine)
    want = wanted(install(machine), network_level_authentication=True, security_layer=2, port=3390)
    made = make(machine, want)
    removal = plan_absent(look(machine))
    gone = clear(machine)
    assert gone == replace(before, service_start_type="Automatic")
    assert after_removal(made, removal).listener == gone.listener
    assert machine.rdp.readable_keys == frozenset()
    assert not plan_absent(gone).needed


def test_a_stopped_and_disabled_service_is_started_and_then_looked_at(machine: Machine) -> None:
    machine.rdp.service_running = False
    machine.rdp.start_type = "Disabled"
    want = wanted(install(machine))
    state = make(machine, want)
    assert (state.service_status, state.service_start_type) == ("Running", "Automatic")
    assert state.listener is not None
    assert state.listener.bound == want.thumbprint


def test_a_service_that_does_not_start_with_the_port_gets_its_old_one_back(machine: Machine) -> None:
    want = wanted(port=5985)
    with pytest.raises(Conflict):
        plan_present(look(machine, want), want)
    changes = plan_present(replace(look(machine, want), port_taken=False), want)
    with pytest.raises(ScriptFailed) as caught:
        answer(machine, APPLY, apply_payload(request(want), changes))
    result = explained(caught.value, where="VM")
    assert result.code == "PortRefused"
    assert "put back" in result.message
    assert (machine.rdp.port, machine.rdp.service_running) == (3389, True)


def test_a_certificate_that_went_away_changes_nothing(machine: Machine) -> None:
    want = wanted(install(machine))
    changes = plan_present(look(machine, want), want)
    machine.certificates.clear()
    before = look(machine)
    with pytest.raises(ScriptFailed) as caught:
        answer(machine, APPLY, apply_payload(request(want), changes))
    assert explained(caught.value, where="VM").code == "CertificateNotInstalled"
    assert look(machine) == before


def test_a_policy_is_reported_and_windows_refuses_to_go_against_it(machine: Machine) -> None:
    machine.rdp.policy.add("network_level_authentication")
    want = wanted(network_level_authentication=False)
    state = make(machine, want)
    assert state.policy == {"network_level_authentication"}
    assert state.listener is not None
    assert state.listener.network_level_authentication
    changes = replace(plan_present(state, want), settings=(("network_level_authentication", 0),))
    with pytest.raises(ScriptFailed) as caught:
        answer(machine, APPLY, apply_payload(request(want), changes))
    assert explained(caught.value, where="VM").code == "SettingRefused"


def test_a_certificate_of_a_policy_is_reported(machine: Machine) -> None:
    other = install(machine, "other")
    machine.rdp.certificate_thumbprint = other
    machine.rdp.policy.add("certificate")
    want = wanted(install(machine))
    state = make(machine, want)
    assert state.listener is not None
    assert (state.listener.thumbprint, state.listener.binding) == (other, Binding.POLICY)
    assert other in plan_present(state, want).warnings[0]
    assert machine.rdp.readable_keys == frozenset()


def test_a_renewed_certificate_is_taken_back_with_the_right_of_the_old_one(machine: Machine) -> None:
    old, new = install(machine), install(machine)
    make(machine, wanted(old))
    make(machine, wanted(new))
    assert machine.rdp.readable_keys == {old, new}
    clear(machine)
    assert (machine.rdp.certificate_thumbprint, machine.rdp.readable_keys) == ("", frozenset())


def test_a_long_list_of_addresses_fits_into_the_output(machine: Machine) -> None:
    many = tuple(f"2001:db8:1111:2222:3333:4444:{number:x}:1" for number in range(0x1000, 0x1028))
    want = wanted(install(machine), port=3390, security_layer=2, remote_addresses=many)
    make(machine, want)
    result = scripts.run(machine, READ.text, READ.parameters(request(want)))
    assert len(result.output.encode()) < 4096
    assert not plan_present(look(machine, want), want).needed
