# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of the listener scripts behave as Windows would, driven by the collection's real script texts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.azvm.access.plugins.module_utils._guest import winrm_listener
from local_azure.guest.machine import Machine
from local_azure.guest.winrm import Listener

from .conftest import Certificate, make_certificate, make_machine

RULE = "azvm-access"


def run(machine: Machine, script: Any, **payload: object) -> tuple[int, dict[str, Any]]:
    request = {"thumbprint": None, "firewall_rule": RULE} | payload
    result = machine.run_script(script.text, script.parameters(request))
    assert result.error == ""
    assert result.output.isascii()
    return result.exit_code, json.loads(result.output)


def apply(machine: Machine, **payload: object) -> tuple[int, dict[str, Any]]:
    return run(machine, winrm_listener.APPLY, **({"record": "r"} | payload))


def read(machine: Machine, **payload: object) -> dict[str, Any]:
    code, state = run(machine, winrm_listener.READ, **payload)
    assert code == 0
    return state


def wanted(certificate: Certificate, **fields: object) -> dict[str, object]:
    return {"port": 5986, "hostname": "win1", "thumbprint": certificate.thumbprint} | fields


def firewall(*addresses: str) -> dict[str, object]:
    return {
        "name": RULE,
        "display_name": "WinRM HTTPS",
        "group": "azvm.access",
        "port": 5986,
        "remote_addresses": addresses,
    }


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


@pytest.fixture
def machine(certificate: Certificate) -> Machine:
    made = make_machine()
    made.install_certificate("My", certificate.pfx(), None)
    return made


def test_the_state_of_a_fresh_machine(machine: Machine, certificate: Certificate) -> None:
    state = read(machine, thumbprint=certificate.thumbprint)

    assert state == {
        "ok": True,
        "computer_name": "WIN1",
        "service": {"status": "Running", "start_type": "Automatic"},
        "listeners": [
            {
                "address": "*",
                "transport": "HTTP",
                "port": 5985,
                "hostname": "",
                "enabled": True,
                "thumbprint": "",
                "source": "",
            }
        ],
        "auth": {"basic": False, "kerberos": True, "negotiate": True, "certificate": False, "credssp": False},
        "allow_unencrypted": False,
        "policy": [],
        "session_configuration": "enabled",
        "token_filter_policy": None,
        "certificate": {
            "thumbprint": certificate.thumbprint,
            "common_name": "win1",
            "dns_names": ["win1"],
            "not_after": certificate.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "has_private_key": True,
            "usages": ["1.3.6.1.5.5.7.3.1"],
        },
        "firewall": None,
        "record": None,
    }


def test_a_stopped_service_answers_nothing_about_itself(machine: Machine) -> None:
    machine.winrm.running = False
    machine.winrm.start_type = "Disabled"

    state = read(machine)

    assert state["service"] == {"status": "Stopped", "start_type": "Disabled"}
    assert [state[name] for name in ("listeners", "auth", "allow_unencrypted", "session_configuration")] == [None] * 4


def test_everything_is_applied_and_taken_back(machine: Machine, certificate: Certificate) -> None:
    machine.winrm.running = False
    machine.winrm.start_type = "Disabled"
    machine.winrm.session_configuration = "disabled"
    code, state = apply(
        machine,
        service=True,
        session_configuration=True,
        auth={"Basic": "true"},
        settings={"AllowUnencrypted": "false"},
        token_filter_policy=1,
        listener=wanted(certificate),
        firewall=firewall("192.0.2.7", "192.0.2.0/24", "198.51.100.1/32"),
    )

    assert code == 0
    assert state["done"] == [
        "service",
        "session_configuration",
        "auth",
        "settings",
        "token_filter_policy",
        "listener",
        "firewall",
    ]
    assert state["record"] == "r"
    assert state["listeners"][-1]["thumbprint"] == certificate.thumbprint
    assert state["firewall"] == {
        "enabled": True,
        "direction": "Inbound",
        "action": "Allow",
        "profile": "Any",
        "protocol": "TCP",
        "local_ports": ["5986"],
        "remote_addresses": ["192.0.2.7", "192.0.2.0/255.255.255.0", "198.51.100.1"],
    }
    assert machine.remote_admins_allowed
    assert machine.admits(5986, "192.0.2.99")
    assert not machine.admits(5986, "127.0.0.1")
    assert machine.listening()[5986].kind == "winrm-https"

    code, state = run(
        machine,
        winrm_listener.REMOVE,
        listener=True,
        firewall=True,
        auth={"Basic": "false"},
        token_filter_policy={"value": None},
    )

    assert code == 0
    assert state["done"] == ["firewall", "listener", "auth", "token_filter_policy"]
    assert (state["record"], state["firewall"], state["token_filter_policy"]) == (None, None, None)
    assert [listener["transport"] for listener in state["listeners"]] == ["HTTP"]
    assert not machine.remote_admins_allowed


def test_nothing_asked_nothing_done_but_the_record(machine: Machine) -> None:
    before = machine.describe()
    code, state = apply(machine)

    assert (code, state["done"]) == (0, [])
    assert machine.describe() == before | {"registry": {r"HKLM:\SOFTWARE\azvm.access\WinRMListener": "r"}}


def test_a_listener_is_replaced_by_the_new_certificate(machine: Machine, certificate: Certificate) -> None:
    apply(machine, listener=wanted(certificate))
    renewed = make_certificate()
    machine.install_certificate("My", renewed.pfx(), None)

    code, state = apply(machine, listener=wanted(renewed, port=5987))

    assert code == 0
    https = [one for one in state["listeners"] if one["transport"] == "HTTPS"]
    assert [(one["port"], one["thumbprint"]) for one in https] == [(5987, renewed.thumbprint)]


def without_key(machine: Machine, certificate: Certificate) -> None:
    key = ("my", certificate.thumbprint)
    machine.certificates[key] = replace(machine.certificates[key], key=None)


def gone(machine: Machine, certificate: Certificate) -> None:
    del machine.certificates["my", certificate.thumbprint]


@pytest.mark.parametrize(("damage", "text"), [(without_key, "has no private key"), (gone, "is not in LocalMachine")])
def test_without_certificate_and_key_nothing_is_begun(
    machine: Machine, certificate: Certificate, damage: Any, text: str
) -> None:
    damage(machine, certificate)
    before = machine.describe()

    code, failure = apply(machine, listener=wanted(certificate), token_filter_policy=1)

    assert code == 1
    assert (failure["ok"], failure["step"], failure["done"]) == (False, "certificate", [])
    assert text in failure["message"]
    assert machine.describe() == before


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"hostname": "other"}, "CN and the hostname"),
        ({"port": 3389}, "used by another process"),
        ({"port": 5985}, "used by another process"),
        ({"port": 8443}, "shared with another service"),
    ],
)
def test_a_refused_listener_leaves_the_previous_one(
    machine: Machine, certificate: Certificate, fields: dict[str, object], text: str
) -> None:
    machine.winrm.ssl_bindings[8443] = "AB" * 20
    apply(machine, listener=wanted(certificate))
    before = machine.winrm.listeners[:]

    code, failure = apply(machine, listener=wanted(certificate, **fields), firewall=firewall("Any"))

    assert code == 1
    assert (failure["step"], failure["restored"], failure["done"]) == ("listener", True, [])
    assert text in failure["message"]
    assert machine.winrm.listeners == before
    assert ("abab" in failure["binding"]) is (fields.get("port") == 8443)
    assert RULE not in machine.firewall


def test_a_lost_listener_is_owned_up_to(machine: Machine, certificate: Certificate) -> None:
    apply(machine, listener=wanted(certificate))
    gone(machine, certificate)
    other = make_certificate(common_name="elsewhere")
    machine.install_certificate("My", other.pfx(), None)

    code, failure = apply(machine, listener=wanted(other))

    assert code == 1
    assert failure["restored"] is False
    assert machine.winrm.find("*", "HTTPS") is None


def test_a_certificate_for_clients_does_not_serve(machine: Machine) -> None:
    client = make_certificate(usage=x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2"))
    machine.install_certificate("My", client.pfx(), None)

    code, failure = apply(machine, listener=wanted(client))

    assert code == 1
    assert (failure["step"], failure["restored"]) == ("listener", None)
    assert "appropriate certificate" in failure["message"]
    assert read(machine, thumbprint=client.thumbprint)["certificate"]["usages"] == ["1.3.6.1.5.5.7.3.2"]


def test_a_stopped_service_refuses_a_listener(machine: Machine, certificate: Certificate) -> None:
    machine.winrm.running = False

    code, failure = apply(machine, listener=wanted(certificate))

    assert code == 1
    assert failure["step"] == "listener"
    assert "cannot connect to the destination" in failure["message"]


def test_what_group_policy_fixes_stays(machine: Machine, certificate: Certificate) -> None:
    machine.winrm.policy.add("Basic")
    machine.winrm.listeners.append(
        Listener(transport="HTTPS", port=5986, source="GPO", certificate_thumbprint=certificate.thumbprint)
    )

    state = read(machine)
    assert state["policy"] == ["Basic"]
    assert state["listeners"][1]["source"] == "GPO"
    for payload in ({"auth": {"Basic": "false"}}, {"listener": wanted(certificate)}):
        code, failure = apply(machine, **payload)
        assert code == 1
        assert "controlled by policies" in failure["message"]


@pytest.mark.parametrize("address", ["everyone", "300.1.1.1", "192.0.2.9-192.0.2.1"])
def test_an_address_windows_does_not_know_is_refused(machine: Machine, address: str) -> None:
    code, failure = apply(machine, firewall=firewall(address))

    assert (code, failure["step"]) == (1, "firewall")
    assert RULE not in machine.firewall


def test_an_existing_rule_is_set_and_keeps_its_title(machine: Machine) -> None:
    apply(machine, firewall=firewall("192.0.2.7"))
    machine.firewall[RULE] = replace(machine.firewall[RULE], display_name="mine", enabled=False, profiles=("Domain",))

    _code, state = apply(machine, firewall=firewall("Any"))

    assert (state["firewall"]["enabled"], state["firewall"]["profile"]) == (True, "Any")
    assert state["firewall"]["remote_addresses"] == ["Any"]
    assert machine.firewall[RULE].display_name == "mine"


@pytest.mark.parametrize(
    ("payload", "step"),
    [
        ({"firewall": True}, "firewall"),
        ({"listener": True}, "listener"),
        ({"token_filter_policy": {"value": None}}, "token_filter_policy"),
    ],
)
def test_taking_back_what_is_not_there_fails(machine: Machine, payload: dict[str, object], step: str) -> None:
    machine.registry[r"HKLM:\SOFTWARE\azvm.access\WinRMListener"] = "kept"
    code, failure = run(machine, winrm_listener.REMOVE, **payload)

    assert (code, failure["step"], failure["done"]) == (1, step, [])
    assert read(machine)["record"] == "kept"


def test_remoting_brings_back_what_it_needs(machine: Machine) -> None:
    machine.winrm.listeners.clear()
    name = "WINRM-HTTP-In-TCP-PUBLIC"
    machine.firewall[name] = replace(machine.firewall[name], enabled=False)

    code, state = apply(machine, session_configuration=True)

    assert code == 0
    assert [(one["transport"], one["port"]) for one in state["listeners"]] == [("HTTP", 5985)]
    assert machine.firewall[name].enabled


@pytest.mark.parametrize("parameters", [{}, {"Payload": "%"}, {"Payload": "W10="}, {"payload": "bm90IGpzb24="}])
def test_an_unreadable_payload_ends_the_script(machine: Machine, parameters: dict[str, str]) -> None:
    result = machine.run_script(winrm_listener.APPLY.text, parameters)

    assert result.exit_code == 1
    assert json.loads(result.output)["step"] == "payload"
