# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Desktop, from the operation through the real SDK to the guest, and what the probe then sees."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.azvm.access.plugins.module_utils._azure import compute
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import (
    AccessError,
    Conflict,
    InvalidInput,
    NotReady,
    Refused,
)
from ansible_collections.azvm.access.plugins.module_utils._operations import listener_probe, vm_rdp_listener
from ansible_collections.azvm.access.plugins.module_utils._operations.rdp_reachability import rdp_probe
from ansible_collections.azvm.access.plugins.module_utils._operations.vm_rdp_listener import Options
from ansible_collections.azvm.access.plugins.modules import vm_rdp_listener as module
from ansible_collections.azvm.access.tests.integration.compute.conftest import TARGET, WRITES
from ansible_collections.azvm.access.tests.integration.support.controller import Controller

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.plugins.module_utils._domain.outcome import Outcome
    from ansible_collections.azvm.access.tests.integration.compute.conftest import Bench
    from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded

PORT = 3389
PLAY = Path(__file__).parent / "plays" / "rdp_listener.yml"


@pytest.fixture(autouse=True)
def short_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loopback address that does not answer at once never will."""
    monkeypatch.setattr(listener_probe, "_CONNECT_SECONDS", 0.5)


def options(thumbprint: str | None = None, **changed: t.Any) -> Options:
    return Options.from_parameters(
        {
            "resource_group": "access-demo",
            "vm_name": "win1",
            "state": "present",
            "certificate_thumbprint": thumbprint,
            "network_level_authentication": None,
            "security_layer": None,
            "port": None,
            "remote_addresses": ["Any"],
            "verify": "auto",
            "address": None,
            "network_interface": None,
            **changed,
        }
    )


def run(bench: Bench, wanted: Options, *, check_mode: bool = False, seconds: float = 60) -> Outcome:
    bench.mark()
    return vm_rdp_listener.run(wanted, bench.context(check_mode=check_mode, seconds=seconds))


def desktop(bench: Bench) -> dict[str, t.Any]:
    """What the guest says of itself."""
    (guest,) = bench.ask("state")["guests"].values()
    found: dict[str, t.Any] = guest["rdp"]
    return found


def probe(bench: Bench, port: int = PORT) -> dict[str, t.Any]:
    return rdp_probe(TARGET, port, bench.context())


def presented(bench: Bench) -> str:
    thumbprint: str = probe(bench)["tls"]["certificate"]["thumbprint"]
    return thumbprint


def test_binds_the_certificate_and_finds_it_from_outside_afterwards(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.open(PORT)
    assert presented(bench) != thumbprint

    first = run(bench, options(thumbprint))
    assert first.changed
    assert (first.thing["thumbprint"], first.thing["certificate_source"]) == (thumbprint, "custom")
    assert (first.thing["private_key_readable"], first.thing["verified_by"]) == (True, "guest")
    assert first.thing["firewall"]["name"] == "azvm-access-rdp"
    assert first.before is not None
    assert (first.before["certificate"], first.before["private_key_readable"]) == (None, False)
    assert presented(bench) == thumbprint

    second = run(bench, options(thumbprint))
    assert not second.changed
    assert (second.thing["thumbprint"], second.thing["verified_by"]) == (thumbprint, "probe")
    assert bench.requests(*WRITES) == []


def test_a_look_inside_finds_nothing_to_change_either(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    wish = options(thumbprint, verify="guest", network_level_authentication=True, security_layer="tls", port=3390)
    run(bench, wish)
    again = run(bench, wish)
    assert not again.changed
    assert [line.split()[0] for line in bench.requests(*WRITES)] == ["PUT", "DELETE"]


def test_a_bound_certificate_whose_key_cannot_be_read_is_mended(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, guest={"rdp_trouble": "unreadable_key"})
    bench.open(PORT)
    thumbprint = desktop(bench)["certificate_thumbprint"]
    assert probe(bench)["cause"] == "TlsClosed"

    mended = run(bench, options(thumbprint))
    assert mended.before is not None
    assert mended.after is not None
    assert (mended.before["certificate"], mended.after["certificate"]) == (thumbprint, thumbprint)
    assert (mended.before["private_key_readable"], mended.after["private_key_readable"]) == (False, True)
    assert presented(bench) == thumbprint

    # It was bound before, so it stays, and its key stays readable.
    gone = run(bench, options(state="absent"))
    assert thumbprint in gone.warnings[0]
    assert presented(bench) == thumbprint


def test_a_binding_to_a_certificate_that_is_gone_is_mended(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, guest={"rdp_trouble": "no_certificate"})
    bench.open(PORT)
    thumbprint = bench.install("win1")
    assert probe(bench)["cause"] == "NoServerCertificate"
    run(bench, options(thumbprint))
    assert presented(bench) == thumbprint


def test_network_level_authentication_goes_off_and_on(bench: Bench) -> None:
    bench.open(PORT)
    off = run(bench, options(network_level_authentication=False))
    assert off.changed
    assert off.thing["network_level_authentication"] is False
    assert probe(bench)["rdp"]["nla"] == "supported"
    assert not run(bench, options(network_level_authentication=False)).changed
    assert bench.requests(*WRITES) == []

    on = run(bench, options(network_level_authentication=True))
    assert on.changed
    assert probe(bench)["rdp"]["nla"] == "required"
    assert run(bench, options(network_level_authentication=True)).thing["verified_by"] == "probe"


@pytest.mark.parametrize("layer", ["tls", "rdp", "negotiate"])
def test_a_security_layer_shows_from_outside_without_nla(bench: Bench, layer: str) -> None:
    bench.open(PORT)
    wish = options(network_level_authentication=False, security_layer=layer)
    made = run(bench, wish)
    assert made.thing["security_layer"] == layer
    again = run(bench, wish)
    assert (again.changed, again.thing["security_layer"], again.thing["verified_by"]) == (False, layer, "probe")


def test_a_security_layer_beneath_nla_is_looked_at_inside(bench: Bench) -> None:
    bench.open(PORT)
    run(bench, options(security_layer="tls"))
    again = run(bench, options(security_layer="tls"))
    assert (again.changed, again.thing["verified_by"]) == (False, "guest")


def test_another_port_moves_listener_and_firewall_rule(bench: Bench) -> None:
    bench.open(PORT)
    bench.open(3390)
    wish = options(port=3390, remote_addresses=["127.0.0.1"])
    moved = run(bench, wish)
    assert (moved.thing["port"], moved.thing["firewall"]["local_ports"]) == (3390, ["3390"])
    assert moved.warnings == ()
    assert probe(bench, 3390)["verified"]
    assert not probe(bench)["verified"]
    again = run(bench, wish)
    assert (again.changed, again.thing["port"], again.thing["verified_by"]) == (False, 3390, "probe")


def test_a_port_that_is_taken_is_refused(bench: Bench) -> None:
    with pytest.raises(Conflict) as caught:
        run(bench, options(port=5985))
    assert caught.value.code == "PortTaken"
    assert desktop(bench)["port"] == PORT


@pytest.mark.parametrize("guest", [{"rdp_enabled": False}, {"rdp_service_running": False}])
def test_remote_desktop_that_is_off_is_switched_on(bench: Bench, tmp_path: Path, guest: dict[str, t.Any]) -> None:
    bench.use(tmp_path, guest=guest)
    bench.open(PORT)
    made = run(bench, options())
    assert made.thing["enabled"]
    assert made.thing["service"] == {"status": "Running", "start_type": "Automatic"}
    assert probe(bench)["verified"]


def test_what_a_policy_fixes_is_reported_and_left_alone(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, guest={"rdp_policy": ["certificate", "network_level_authentication"]})
    thumbprint = bench.install("win1")
    wish = options(thumbprint, network_level_authentication=False)
    made = run(bench, wish)
    assert made.thing["fixed_by_policy"] == ["certificate", "network_level_authentication"]
    assert (made.thing["certificate_source"], made.thing["network_level_authentication"]) == ("policy", True)
    assert [warning.split()[:2] for warning in made.warnings] == [["Group", "Policy"]] * 2
    assert not run(bench, wish).changed
    assert desktop(bench)["readable_keys"] == []


def test_a_policy_that_keeps_remote_desktop_off_is_said(bench: Bench, tmp_path: Path) -> None:
    bench.use(tmp_path, guest={"rdp_enabled": False, "rdp_policy": ["enabled"]})
    with pytest.raises(Refused) as caught:
        run(bench, options())
    assert caught.value.code == "RemoteDesktopDisabledByPolicy"


def test_windows_own_firewall_rule_is_warned_of(bench: Bench) -> None:
    outcome = run(bench, options(verify="guest", remote_addresses=["127.0.0.1"]))
    assert "Windows' own firewall rule" in outcome.warnings[0]


def test_absent_takes_everything_back(bench: Bench) -> None:
    bench.open(PORT)
    own = presented(bench)
    before = desktop(bench)
    thumbprint = bench.install("win1")
    wish = options(thumbprint, network_level_authentication=False, security_layer="tls", port=3390)
    made = run(bench, wish)
    gone = run(bench, options(state="absent"))
    assert gone.changed
    assert made.before is not None
    assert gone.after is not None
    known = {"service", "private_key_readable"}
    assert {key: value for key, value in gone.after.items() if key not in known} == {
        key: value for key, value in made.before.items() if key not in known
    }
    assert desktop(bench) == before
    assert presented(bench) == own
    assert not run(bench, options(state="absent")).changed


def test_absent_in_check_mode_predicts_the_end(bench: Bench) -> None:
    run(bench, options(bench.install("win1"), network_level_authentication=False))
    predicted = run(bench, options(state="absent", verify="guest"), check_mode=True)
    gone = run(bench, options(state="absent"))
    assert predicted.after == gone.after


def test_check_mode_writes_nothing_and_predicts(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    predicted = run(bench, options(thumbprint, security_layer="tls"), check_mode=True)
    assert predicted.changed
    assert (predicted.thing["thumbprint"], predicted.thing["security_layer"]) == (thumbprint, "tls")
    assert predicted.thing["verified_by"] is None
    assert bench.requests(*WRITES) == []


def test_check_mode_with_a_look_inside_predicts_what_then_comes(bench: Bench) -> None:
    wish = options(bench.install("win1"), verify="guest", network_level_authentication=False, port=3390)
    predicted = run(bench, wish, check_mode=True)
    made = run(bench, wish)
    assert (predicted.before, predicted.after) == (made.before, made.after)


def test_a_renewed_certificate_moves_the_listener(bench: Bench) -> None:
    bench.open(PORT)
    old, new = bench.install("win1"), bench.install("win1")
    run(bench, options(old))
    moved = run(bench, options(new))
    assert moved.before is not None
    assert (moved.before["certificate"], moved.thing["thumbprint"]) == (old, new)
    assert presented(bench) == new


def test_an_interrupted_change_is_completed(bench: Bench) -> None:
    thumbprint = bench.install("win1")
    bench.fault(action="reset-after", method="PUT", path="listener-apply")
    with pytest.raises(AccessError):
        run(bench, options(thumbprint, verify="guest", security_layer="tls"), seconds=5)
    bench.ask("fault/clear")
    again = run(bench, options(thumbprint, verify="guest", security_layer="tls"))
    assert again.thing["thumbprint"] == thumbprint
    run(bench, options(state="absent"))
    assert (desktop(bench)["certificate_thumbprint"], desktop(bench)["security_layer"]) == ("", "negotiate")


def test_a_missing_certificate_is_said_and_nothing_changed(bench: Bench) -> None:
    with pytest.raises(NotReady) as caught:
        run(bench, options("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"))
    assert caught.value.code == "CertificateNotInstalled"
    assert [line.split()[0] for line in bench.requests(*WRITES)] == ["PUT", "DELETE"]


def test_a_stopped_vm_is_said_before_anything_is_sent_to_it(bench: Bench) -> None:
    compute.switch_vm(bench.azure, bench.vm(), "deallocate", deadline=bench.context().deadline)
    with pytest.raises(NotReady) as caught:
        run(bench, options())
    assert caught.value.code == "VmNotRunning"
    assert bench.requests(*WRITES) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"port": 0}, "InvalidPort"),
        ({"certificate_thumbprint": "12"}, "InvalidThumbprint"),
        ({"address": "a b"}, "InvalidName"),
        ({"remote_addresses": ["300.1.2.3"]}, "InvalidRemoteAddress"),
        ({"security_layer": "rdp", "network_level_authentication": True}, "NlaNeedsTls"),
    ],
)
def test_bad_options_are_refused_before_any_request(changed: dict[str, t.Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        options(**changed)
    assert caught.value.code == code


def test_the_life_of_a_certificate_by_the_module(bench: Bench, preloaded: Preloaded, tmp_path: Path) -> None:
    thumbprint = bench.install("win1")
    bench.open(PORT)
    environment = bench.server.env
    with Controller(folder=tmp_path / "controller", environment=environment, preloaded=preloaded) as controller:
        finished = controller.play(PLAY, "--diff", variables={"thumbprint": thumbprint}).succeeded()
    predicted, made, again = finished.of("Predicted"), finished.of("Made"), finished.of("Again")
    assert predicted["changed"]
    assert predicted["diff"] == made["diff"]
    assert predicted["listener"] == made["listener"]
    assert (again["changed"], again["listener"]["verified_by"]) == (False, "probe")
    documented = set(yaml.safe_load(module.RETURN)["listener"]["contains"])
    assert documented == set(made["listener"]) == set(again["listener"])
    assert finished.of("Probed")["probe"]["tls"]["thumbprint_matches"]

    (refused,) = finished.failures()
    assert refused.result["failure"]["code"] == "NlaNeedsTls"

    gone = finished.of("Taken back")
    assert gone["changed"]
    assert gone["listener"]["certificate_source"] == "own"
