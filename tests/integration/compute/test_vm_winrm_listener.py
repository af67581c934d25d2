# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener, from the operation through the real SDK to the guest, and its probe."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure import compute
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import AccessError, InvalidInput, NotReady
from ansible_collections.azvm.access.plugins.module_utils._domain.listener_plan import plan_present
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_listener import APPLY, READ
from ansible_collections.azvm.access.plugins.module_utils._guest.winrm_messages import (
    apply_payload,
    guest_state,
    read_payload,
)
from ansible_collections.azvm.access.plugins.module_utils._operations import listener_probe, vm_winrm_listener
from ansible_collections.azvm.access.plugins.module_utils._operations.guest import run_in_guest
from ansible_collections.azvm.access.plugins.module_utils._operations.vm_winrm_listener import Options

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.compute.conftest import Bench

PORT = 5986
WRITES = ("PUT", "PATCH", "POST", "DELETE")


@pytest.fixture(autouse=True)
def short_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loopback address that does not answer at once never will."""
    monkeypatch.setattr(listener_probe, "_CONNECT_SECONDS", 0.5)


def options(thumbprint: str | None, **changed: t.Any) -> Options:
    return Options.from_parameters(
        {
            "resource_group": "access-demo",
            "vm_name": "win1",
            "state": "present",
            "certificate_thumbprint": thumbprint,
            "port": PORT,
            "hostname": None,
            "remote_addresses": ["127.0.0.1"],
            "verify": "auto",
            "address": None,
            "network_interface": None,
            **changed,
        }
    )


def run(bench: Bench, wanted: Options, *, check_mode: bool = False, seconds: float = 60) -> Outcome:
    bench.mark()
    return vm_winrm_listener.run(wanted, bench.context(check_mode=check_mode, seconds=seconds))


def test_makes_the_listener_and_finds_it_from_outside_afterwards(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.open(PORT)

    first = run(bench, options(thumbprint))
    assert first.changed
    assert first.thing["thumbprint"] == thumbprint
    assert first.thing["hostname"] == "win1"
    assert first.thing["verified_by"] == "guest"
    assert first.thing["firewall"]["remote_addresses"] == ["127.0.0.1"]
    assert [each["transport"] for each in first.thing["foreign"]] == ["HTTP"]
    assert first.before is not None
    assert first.before["listener"] is None

    second = run(bench, options(thumbprint))
    assert not second.changed
    assert second.thing["verified_by"] == "probe"
    assert bench.requests(*WRITES) == []


@pytest.mark.parametrize(
    ("names", "hostname", "probed"),
    [
        (("fleet", "*.example.com"), None, True),
        (("fleet", "*.example.com"), "fleet", True),
        (("fleet", "192.0.2.9"), "fleet", True),
        # Windows would never have taken it, so it can't be there.
        (("fleet", "other.example.com"), "other.example.com", False),
    ],
)
def test_a_certificate_for_others_is_known_by_its_thumbprint(
    bench: Bench, names: tuple[str, ...], hostname: str | None, *, probed: bool
) -> None:
    thumbprint = bench.install(*names, common_name_apart=True)
    bench.open(PORT)
    run(bench, options(thumbprint))
    if not probed:
        with pytest.raises(NotReady):
            run(bench, options(thumbprint, hostname=hostname))
        return
    again = run(bench, options(thumbprint, hostname=hostname))
    assert (again.changed, again.thing["verified_by"]) == (False, "probe")
    assert bench.requests(*WRITES) == []


def test_a_look_inside_finds_nothing_to_change_either(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    run(bench, options(thumbprint))
    again = run(bench, options(thumbprint, verify="guest"))
    assert not again.changed
    assert [line.split()[0] for line in bench.requests(*WRITES)] == ["PUT", "DELETE"]


def test_leaves_no_run_command_behind(bench: Bench) -> None:
    run(bench, options(bench.install("win1")))
    bench.ask("clock", seconds=60)
    assert list(bench.azure.compute.virtual_machine_run_commands.list_by_virtual_machine("access-demo", "win1")) == []


def test_what_an_interrupted_run_left_is_tidied_up_although_nothing_is_to_do(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.open(PORT)
    bench.fault(action="status", status=403, code="AuthorizationFailed", method="DELETE", path="runCommands")
    run(bench, options(thumbprint))
    bench.ask("fault/clear")
    unchanged = run(bench, options(thumbprint))
    assert unchanged.thing["verified_by"] == "probe"
    assert len(bench.requests("DELETE")) == 2
    run(bench, options(thumbprint))
    assert bench.requests(*WRITES) == []


def test_check_mode_writes_nothing_and_predicts(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    predicted = run(bench, options(thumbprint), check_mode=True)
    assert predicted.changed
    assert predicted.thing["verified_by"] is None
    assert predicted.thing["thumbprint"] == thumbprint
    assert bench.requests(*WRITES) == []


def test_check_mode_works_before_there_is_a_certificate(bench: Bench) -> None:
    predicted = run(bench, options(None), check_mode=True)
    assert predicted.changed
    assert predicted.thing["thumbprint"] is None
    with pytest.raises(InvalidInput) as caught:
        run(bench, options(None))
    assert caught.value.code == "ThumbprintMissing"
    assert bench.requests() == []


def test_check_mode_with_a_look_inside_predicts_what_then_comes(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    predicted = run(bench, options(thumbprint, verify="guest"), check_mode=True)
    assert predicted.changed
    made = run(bench, options(thumbprint, verify="guest"))
    assert predicted.after == made.after
    assert predicted.before == made.before


def test_a_renewed_certificate_moves_the_listener(bench: Bench) -> None:
    old = bench.install("win1")
    bench.open(PORT)
    run(bench, options(old))
    new = bench.install("win1")
    moved = run(bench, options(new))
    assert moved.changed
    assert moved.before is not None
    assert moved.before["listener"]["thumbprint"] == old
    assert moved.thing["thumbprint"] == new
    assert run(bench, options(new)).thing["verified_by"] == "probe"


def test_another_port_moves_listener_and_firewall_rule(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    run(bench, options(thumbprint))
    moved = run(bench, options(thumbprint, port=15986))
    assert moved.thing["port"] == 15986
    assert moved.thing["firewall"]["local_ports"] == ["15986"]


def test_changed_remote_addresses_are_seen_inside(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    run(bench, options(thumbprint))
    wider = options(thumbprint, verify="guest", remote_addresses=["127.0.0.1", "203.0.113.0/24"])
    assert run(bench, wider).thing["firewall"]["remote_addresses"] == ["127.0.0.1", "203.0.113.0/24"]
    assert not run(bench, wider).changed


def test_a_service_tag_opens_the_windows_firewall_with_a_warning(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.open(PORT)
    outcome = run(bench, options(thumbprint, remote_addresses=["VirtualNetwork"]))
    assert outcome.thing["firewall"]["remote_addresses"] == ["Any"]
    assert "VirtualNetwork" in outcome.warnings[0]
    again = run(bench, options(thumbprint, remote_addresses=["VirtualNetwork"]))
    assert (again.thing["verified_by"], again.warnings) == ("probe", outcome.warnings)


def test_absent_takes_everything_back(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    made = run(bench, options(thumbprint))
    gone = run(bench, options(None, state="absent"))
    assert gone.changed
    assert gone.before == made.after
    assert gone.after == made.before
    assert gone.thing["present"] is False
    again = run(bench, options(None, state="absent"))
    assert not again.changed


def test_absent_in_check_mode_predicts_the_end(bench: Bench) -> None:
    run(bench, options(bench.install("win1")))
    predicted = run(bench, options(None, state="absent", verify="guest"), check_mode=True)
    gone = run(bench, options(None, state="absent"))
    assert predicted.after == gone.after


def test_a_missing_certificate_is_said_and_nothing_changed(bench: Bench) -> None:
    with pytest.raises(NotReady) as caught:
        run(bench, options("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"))
    assert caught.value.code == "CertificateNotInstalled"
    assert [line.split()[0] for line in bench.requests(*WRITES)] == ["PUT", "DELETE"]


def test_a_host_name_the_certificate_does_not_carry_is_said(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    with pytest.raises(NotReady) as caught:
        run(bench, options(thumbprint, hostname="other.example.com"))
    assert caught.value.code == "CertificateHostnameMismatch"


def test_a_stopped_vm_is_said_before_anything_is_sent_to_it(bench: Bench) -> None:
    compute.switch_vm(bench.azure, bench.vm(), "deallocate", deadline=bench.context().deadline)
    with pytest.raises(NotReady) as caught:
        run(bench, options("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"))
    assert caught.value.code == "VmNotRunning"
    assert bench.requests(*WRITES) == []


@pytest.mark.parametrize(
    ("vm", "code"),
    [
        ({"agent": "unresponsive"}, "VmAgentNotReady"),
        ({"provision_vm_agent": False}, "VmAgentNotReady"),
        ({"image": "ubuntu-24.04"}, "NotWindows"),
    ],
)
def test_a_vm_that_cannot_run_the_scripts_is_said(
    bench: Bench, tmp_path: Path, vm: dict[str, t.Any], code: str
) -> None:
    bench.use(tmp_path, **vm)
    with pytest.raises(NotReady) as caught:
        run(bench, options("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"))
    assert caught.value.code == code
    assert bench.requests(*WRITES) == []


def test_an_agent_that_has_just_started_is_waited_for(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, agent="starting")
    made = run(bench, options(bench.install("win1")))
    assert made.changed


def test_a_vm_without_os_profile_can_have_a_listener(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, os_profile=False)
    with pytest.raises(NotReady) as caught:
        run(bench, options("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"))
    assert caught.value.code == "CertificateNotInstalled"


def test_a_run_command_removed_by_another_run_is_run_again(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.fault(
        action="status",
        status=404,
        code="ResourceNotFound",
        method="GET",
        path="runCommands/azvm-access-winrm-listener-apply-[0-9a-f]+$",
        times=1,
    )
    made = run(bench, options(thumbprint))
    assert made.changed
    assert made.thing["thumbprint"] == thumbprint


@pytest.mark.parametrize("same", [True, False])
def test_two_runs_at_the_same_moment_both_end_well(bench: Bench, *, same: bool) -> None:
    thumbprint = bench.install("win1")
    others = thumbprint if same else bench.install("win1")
    wishes = [options(thumbprint, verify="guest"), options(others, verify="guest")]
    with ThreadPoolExecutor(max_workers=2) as pool:
        contexts = [bench.context(), bench.context()]
        outcomes = list(pool.map(vm_winrm_listener.run, wishes, contexts))
    assert {outcome.thing["thumbprint"] for outcome in outcomes} <= {thumbprint, others}
    # Whatever the order was: each of them can be had afterwards, and all of it can be taken back.
    assert run(bench, wishes[0]).thing["thumbprint"] == thumbprint
    gone = run(bench, options(None, state="absent"))
    assert gone.warnings == ()
    assert gone.thing["present"] is False
    found = bench.azure.compute.virtual_machine_run_commands.list_by_virtual_machine("access-demo", "win1")
    states = {command.properties.provisioning_state for command in found if command.properties}
    assert states <= {"Deleting"}


def test_an_interrupted_change_is_completed(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.fault(action="reset-after", method="PUT", path="listener-apply")
    with pytest.raises(AccessError):
        run(bench, options(thumbprint), seconds=5)
    bench.ask("fault/clear")
    again = run(bench, options(thumbprint, verify="guest"))
    assert again.thing["thumbprint"] == thumbprint
    gone = run(bench, options(None, state="absent"))
    assert (gone.thing["present"], gone.thing["firewall"]) == (False, None)


@pytest.mark.parametrize("status", [503, 403])
def test_a_change_of_which_nothing_more_is_heard_is_not_cut_off(bench: Bench, tmp_path: Path, status: int) -> None:
    bench.use(tmp_path, run_command_seconds=200)
    thumbprint = bench.install("win1")
    wanted = options(thumbprint, verify="guest")
    state = guest_state(run_in_guest(bench.vm(), READ, read_payload(thumbprint), bench.context()))
    changes = apply_payload(thumbprint, plan_present(state, wanted.wanted()))
    bench.fault(action="status", status=status, code="Broken", method="GET", path="operations/", retry_after="0.01")
    bench.mark()
    with pytest.raises(AccessError):
        run_in_guest(bench.vm(), APPLY, changes, bench.context())
    assert bench.requests("DELETE") == []
    bench.ask("fault/clear")
    # The next run waits for that script, and finds that it has done everything.
    again = run(bench, wanted)
    assert (again.changed, again.thing["thumbprint"]) == (False, thumbprint)


def test_no_right_to_run_scripts_is_said(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.fault(action="status", status=403, code="AuthorizationFailed", method="PUT", path="runCommands")
    with pytest.raises(AccessError) as caught:
        run(bench, options(thumbprint))
    assert caught.value.code == "AuthorizationFailed"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"port": 0}, "InvalidPort"),
        ({"port": 70000}, "InvalidPort"),
        ({"certificate_thumbprint": "12"}, "InvalidThumbprint"),
        ({"certificate_thumbprint": "A" * 64}, "InvalidThumbprint"),
        ({"hostname": "a b"}, "InvalidName"),
        ({"remote_addresses": ["300.1.2.3"]}, "InvalidRemoteAddress"),
    ],
)
def test_bad_options_are_refused_before_any_request(changed: dict[str, t.Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        options(**{"thumbprint": "A" * 40, **changed}) if "certificate_thumbprint" not in changed else options(
            changed["certificate_thumbprint"]
        )
    assert caught.value.code == code
