# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WinRM listener: from what is in the VM and what is wanted to a plan, by value."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Conflict, NotReady, Refused
from ansible_collections.azvm.access.plugins.module_utils._domain.firewall_rule import FirewallRule
from ansible_collections.azvm.access.plugins.module_utils._domain.installed_certificate import InstalledCertificate
from ansible_collections.azvm.access.plugins.module_utils._domain.listener import (
    AuthMethods,
    Bound,
    GuestState,
    Listener,
    Record,
    WantedListener,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.listener_plan import plan_absent, plan_present
from ansible_collections.azvm.access.plugins.module_utils._domain.listener_prediction import (
    after_changes,
    after_removal,
)

OURS = "2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12"
OTHER = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"

WANTED = WantedListener(port=5986, thumbprint=OURS, hostname=None, remote_addresses=("203.0.113.7",))
HTTP = Listener(address="*", transport="HTTP", port=5985, hostname="", enabled=True, thumbprint="")
HTTPS = Listener(address="*", transport="HTTPS", port=5986, hostname="win1", enabled=True, thumbprint=OURS)
AUTH = AuthMethods(basic=False, kerberos=True, negotiate=True, certificate=False, credssp=False)
RULE = FirewallRule(
    enabled=True,
    direction="Inbound",
    action="Allow",
    profile="Any",
    protocol="TCP",
    local_ports=("5986",),
    remote_addresses=("203.0.113.7",),
)
CERTIFICATE = InstalledCertificate(
    thumbprint=OURS,
    common_name="win1",
    dns_names=("win1", "win1.westeurope.cloudapp.azure.com"),
    not_after="2031-01-01T00:00:00Z",
    has_private_key=True,
    usages=("1.3.6.1.5.5.7.3.1",),
)
FRESH = GuestState(
    computer_name="WIN1",
    service_status="Running",
    service_start_type="Automatic",
    listeners=(HTTP,),
    auth=AUTH,
    allow_unencrypted=False,
    policy=frozenset(),
    session_configuration="enabled",
    token_filter_policy=None,
    certificate=CERTIFICATE,
    firewall=None,
    record=Record(),
    has_record=False,
)
DONE = replace(
    FRESH,
    listeners=(HTTP, HTTPS),
    token_filter_policy=1,
    firewall=RULE,
    record=Record(listeners=(Bound(port=5986, thumbprint=OURS),), token_filter_policy=(None,)),
    has_record=True,
)


def test_a_fresh_vm_gets_listener_rule_and_policy() -> None:
    changes = plan_present(FRESH, WANTED)
    assert changes.listener == HTTPS
    assert changes.firewall == (5986, ("203.0.113.7",))
    assert changes.token_filter_policy == 1
    assert (changes.service, changes.session_configuration, changes.auth, changes.settings) == (False, False, (), ())
    assert changes.record == DONE.record
    assert changes.complete


def test_nothing_is_left_to_do_afterwards() -> None:
    assert not plan_present(DONE, WANTED).needed
    assert after_changes(FRESH, plan_present(FRESH, WANTED)) == DONE


@pytest.mark.parametrize(
    "found",
    [
        replace(HTTPS, port=5987),
        replace(HTTPS, thumbprint=OTHER),
        replace(HTTPS, hostname="old-name"),
        replace(HTTPS, enabled=False),
    ],
)
def test_any_difference_replaces_the_listener(found: Listener) -> None:
    changes = plan_present(replace(DONE, listeners=(HTTP, found)), WANTED)
    assert changes.listener == HTTPS


def test_the_case_of_a_host_name_is_no_difference() -> None:
    assert not plan_present(replace(DONE, listeners=(replace(HTTPS, hostname="WIN1"),)), WANTED).needed


@pytest.mark.parametrize("name", ["win1", "WIN1"])
def test_the_common_name_of_the_certificate_is_taken_as_host_name(name: str) -> None:
    assert plan_present(FRESH, replace(WANTED, hostname=name)).listener == HTTPS


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (replace(FRESH, certificate=None), "CertificateNotInstalled"),
        (replace(FRESH, certificate=replace(CERTIFICATE, has_private_key=False)), "CertificateWithoutPrivateKey"),
        (replace(FRESH, certificate=replace(CERTIFICATE, usages=("1.3.6.1.5.5.7.3.2",))), "CertificateNotForServers"),
    ],
)
def test_a_certificate_that_cannot_serve_is_refused_before_anything_is_changed(state: GuestState, code: str) -> None:
    with pytest.raises(NotReady) as caught:
        plan_present(state, WANTED)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize("name", ["elsewhere.example.com", "win1.westeurope.cloudapp.azure.com"])
def test_a_host_name_that_is_not_the_common_name_is_refused_as_windows_would(name: str) -> None:
    assert "win1.westeurope.cloudapp.azure.com" in CERTIFICATE.dns_names
    with pytest.raises(NotReady) as caught:
        plan_present(FRESH, replace(WANTED, hostname=name))
    assert caught.value.code == "CertificateHostnameMismatch"
    assert "common name win1" in caught.value.message


def test_other_listeners_are_reported_and_kept() -> None:
    single = Listener(address="IP:10.0.0.4", transport="HTTPS", port=5999, hostname="x", enabled=True, thumbprint=OTHER)
    state = replace(DONE, listeners=(HTTP, single, HTTPS))
    assert state.foreign == (HTTP, single)
    assert not plan_present(state, WANTED).needed
    assert after_removal(state, plan_absent(state)).listeners == (HTTP, single)


def test_a_port_of_another_listener_is_a_conflict() -> None:
    with pytest.raises(Conflict) as caught:
        plan_present(FRESH, replace(WANTED, port=5985))
    assert caught.value.code == "PortTaken"


def test_a_listener_made_by_group_policy_is_never_touched() -> None:
    fixed = replace(HTTPS, thumbprint=OTHER, source="GPO")
    with pytest.raises(Refused) as caught:
        plan_present(replace(DONE, listeners=(fixed,)), WANTED)
    assert caught.value.code == "ListenerFixedByPolicy"
    state = replace(
        DONE,
        listeners=(fixed,),
        record=Record(listeners=(Bound(port=5986, thumbprint=OTHER),)),
    )
    assert not plan_absent(state).listener
    assert state.foreign == (fixed,)


def test_weak_switches_are_turned_off_and_noted() -> None:
    weak = replace(FRESH, auth=replace(AUTH, basic=True, negotiate=False), allow_unencrypted=True)
    changes = plan_present(weak, WANTED)
    assert dict(changes.auth) == {"Basic": False, "Negotiate": True}
    assert dict(changes.settings) == {"AllowUnencrypted": False}
    assert dict(changes.record.auth) == {"Basic": True, "Negotiate": False}
    assert dict(changes.record.settings) == {"AllowUnencrypted": True}


def test_switches_that_group_policy_fixes_are_left_with_a_warning() -> None:
    fixed = replace(
        DONE,
        auth=replace(AUTH, basic=True),
        allow_unencrypted=True,
        policy=frozenset({"Basic", "AllowUnencrypted"}),
    )
    changes = plan_present(fixed, WANTED)
    assert not changes.needed
    assert len(changes.warnings) == 2


def test_negotiate_turned_off_by_group_policy_is_a_dead_end() -> None:
    fixed = replace(FRESH, auth=replace(AUTH, negotiate=False), policy=frozenset({"Negotiate"}))
    with pytest.raises(Refused) as caught:
        plan_present(fixed, WANTED)
    assert caught.value.code == "NegotiateDisabledByPolicy"


@pytest.mark.parametrize("state", ["missing", "disabled"])
def test_the_session_configuration_is_made(state: str) -> None:
    assert plan_present(replace(DONE, session_configuration=state), WANTED).session_configuration


def test_a_manual_service_becomes_automatic() -> None:
    assert plan_present(replace(DONE, service_start_type="Manual"), WANTED).service


def test_a_stopped_service_is_started_before_the_rest_is_planned() -> None:
    stopped = replace(
        FRESH,
        service_status="Stopped",
        listeners=None,
        auth=None,
        allow_unencrypted=None,
        session_configuration=None,
    )
    changes = plan_present(stopped, WANTED)
    assert changes.service
    assert not changes.complete
    assert changes.listener is None


@pytest.mark.parametrize(
    "rule",
    [
        replace(RULE, enabled=False),
        replace(RULE, direction="Outbound"),
        replace(RULE, action="Block"),
        replace(RULE, profile="Domain, Private"),
        replace(RULE, protocol="UDP"),
        replace(RULE, local_ports=("5986", "5987")),
        replace(RULE, remote_addresses=("Any",)),
    ],
)
def test_any_difference_rewrites_the_firewall_rule(rule: FirewallRule) -> None:
    changes = plan_present(replace(DONE, firewall=rule), WANTED)
    assert changes.firewall == (5986, ("203.0.113.7",))
    assert changes.listener is None


def test_a_renewed_certificate_moves_the_listener_and_both_stay_ours() -> None:
    renewed = replace(WANTED, thumbprint=OTHER)
    state = replace(DONE, certificate=replace(CERTIFICATE, thumbprint=OTHER))
    changes = plan_present(state, renewed)
    assert changes.record.listeners == (Bound(port=5986, thumbprint=OTHER), Bound(port=5986, thumbprint=OURS))
    # Cut off after the record was written, the old listener can still be taken back.
    assert plan_absent(replace(state, record=changes.record)).listener
    assert plan_absent(after_changes(state, changes)).listener


def test_what_was_there_before_is_noted_once() -> None:
    first = plan_present(replace(FRESH, token_filter_policy=0), WANTED).record
    assert first.token_filter_policy == (0,)
    again = plan_present(replace(FRESH, token_filter_policy=None, record=first), WANTED).record
    assert again.token_filter_policy == (0,)


def test_absent_takes_back_what_was_made() -> None:
    removal = plan_absent(DONE)
    assert removal.listener
    assert removal.firewall
    assert removal.token_filter_policy == (None,)
    assert removal.record
    assert after_removal(DONE, removal).token_filter_policy is None
    assert after_removal(DONE, removal).listeners == (HTTP,)


def test_absent_on_a_vm_that_was_never_touched_does_nothing() -> None:
    assert not plan_absent(FRESH).needed
    assert not plan_absent(replace(FRESH, token_filter_policy=1)).needed


def test_absent_keeps_the_listener_of_somebody_else() -> None:
    state = replace(FRESH, listeners=(HTTP, replace(HTTPS, thumbprint=OTHER)))
    removal = plan_absent(state)
    assert not removal.needed
    assert OTHER in removal.warnings[0]


def test_absent_restores_switches_that_still_stand_as_set() -> None:
    record = replace(DONE.record, auth=(("Basic", True),), settings=(("AllowUnencrypted", True),))
    assert dict(plan_absent(replace(DONE, record=record)).auth) == {"Basic": True}
    changed_since = replace(DONE, record=record, auth=replace(AUTH, basic=True), token_filter_policy=0)
    removal = plan_absent(changed_since)
    assert removal.auth == ()
    assert dict(removal.settings) == {"AllowUnencrypted": True}
    assert removal.token_filter_policy == ()


def test_absent_needs_the_service_for_a_listener_of_ours() -> None:
    stopped = replace(DONE, service_status="Stopped", listeners=None, auth=None, allow_unencrypted=None)
    with pytest.raises(NotReady) as caught:
        plan_absent(stopped)
    assert caught.value.code == "WinRMServiceNotRunning"
    assert plan_absent(replace(stopped, record=Record())).firewall


thumbprints = st.sampled_from([OURS, OTHER])
listeners = st.builds(
    Listener,
    address=st.sampled_from(["*", "IP:10.0.0.4"]),
    transport=st.just("HTTPS"),
    port=st.sampled_from([5987, 5988, 443]),
    hostname=st.sampled_from(["win1", "", "old"]),
    enabled=st.booleans(),
    thumbprint=thumbprints,
)
records = st.builds(
    Record,
    listeners=st.lists(st.builds(Bound, port=st.sampled_from([5986, 5987]), thumbprint=thumbprints), max_size=2).map(
        tuple
    ),
    auth=st.sampled_from([(), (("Basic", True),)]),
    settings=st.sampled_from([(), (("AllowUnencrypted", True),)]),
    token_filter_policy=st.sampled_from([(), (None,), (0,)]),
)
states = st.builds(
    GuestState,
    computer_name=st.just("WIN1"),
    service_status=st.just("Running"),
    service_start_type=st.sampled_from(["Automatic", "Manual", "Disabled"]),
    listeners=st.lists(listeners, max_size=3, unique_by=lambda each: each.address).map(lambda found: (HTTP, *found)),
    auth=st.builds(
        AuthMethods,
        basic=st.booleans(),
        kerberos=st.booleans(),
        negotiate=st.booleans(),
        certificate=st.booleans(),
        credssp=st.booleans(),
    ),
    allow_unencrypted=st.booleans(),
    policy=st.just(frozenset()),
    session_configuration=st.sampled_from(["enabled", "disabled", "missing"]),
    token_filter_policy=st.sampled_from([None, 0, 1]),
    certificate=st.just(CERTIFICATE),
    firewall=st.one_of(st.none(), st.just(RULE), st.just(replace(RULE, remote_addresses=("Any",)))),
    record=records,
    has_record=st.just(True),
)


@given(states)
def test_one_pass_reaches_what_is_wanted(state: GuestState) -> None:
    after = after_changes(state, plan_present(state, WANTED))
    assert not plan_present(after, WANTED).needed
    assert after.listener is not None
    assert (after.listener.port, after.listener.thumbprint) == (5986, OURS)


@given(states)
def test_making_and_taking_back_restores_the_switches(state: GuestState) -> None:
    clean = replace(state, record=Record(), has_record=False)
    after = after_changes(clean, plan_present(clean, WANTED))
    restored = after_removal(after, plan_absent(after))
    assert restored.auth == clean.auth
    assert restored.allow_unencrypted == clean.allow_unencrypted
    assert restored.token_filter_policy == clean.token_filter_policy
    assert restored.firewall is None


@given(states)
def test_taking_back_twice_changes_nothing_more(state: GuestState) -> None:
    after = replace(after_removal(state, plan_absent(state)), record=Record())
    assert not plan_absent(after).needed


@given(records)
def test_a_record_survives_the_registry(record: Record) -> None:
    assert Record.decode(record.encode()) == record


@pytest.mark.parametrize("text", [None, "", "{", "[]", '"x"', '{"listeners":[{}]}', '{"listeners":5}', '{"auth":[1]}'])
def test_a_damaged_record_claims_nothing(text: str | None) -> None:
    assert Record.decode(text) == Record()
