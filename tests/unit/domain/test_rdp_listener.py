# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Desktop: from what is in the VM and what is wanted to a plan, by value."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.errors import Conflict, NotReady, Refused
from ansible_collections.azvm.access.plugins.module_utils._domain.firewall_rule import FirewallRule
from ansible_collections.azvm.access.plugins.module_utils._domain.installed_certificate import (
    REMOTE_DESKTOP_AUTHENTICATION,
    SERVER_AUTHENTICATION,
    InstalledCertificate,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_listener import (
    Binding,
    KeyAccess,
    RdpListener,
    RdpRecord,
    RdpState,
    Setting,
    WantedRdp,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_listener_plan import (
    after_changes,
    after_removal,
    plan_absent,
    plan_present,
)

OURS = "2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12"
OTHER = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"
OWN = "A9993E364706816ABA3E25717850C26C9CD0D89D"

WANTED = WantedRdp(
    thumbprint=OURS, network_level_authentication=True, security_layer=2, port=None, remote_addresses=("203.0.113.7",)
)
NOTHING = WantedRdp(
    thumbprint=None, network_level_authentication=None, security_layer=None, port=None, remote_addresses=("Any",)
)
RULE = FirewallRule.allowing(port=3389, remote_addresses=("203.0.113.7",))
CERTIFICATE = InstalledCertificate(
    thumbprint=OURS,
    common_name="win1",
    dns_names=("win1",),
    not_after="2031-01-01T00:00:00Z",
    has_private_key=True,
    usages=(SERVER_AUTHENTICATION,),
)
LISTENER = RdpListener(
    enabled=True, thumbprint=OWN, binding=Binding.OWN, network_level_authentication=True, security_layer=1
)
FRESH = RdpState(
    computer_name="WIN1",
    service_status="Running",
    service_start_type="Manual",
    port=3389,
    port_taken=False,
    listener=LISTENER,
    policy=frozenset(),
    certificate=CERTIFICATE,
    key_access=KeyAccess.MISSING,
    firewall=None,
    windows_rule=False,
    record=RdpRecord(),
    has_record=False,
)
DONE = replace(
    FRESH,
    service_start_type="Automatic",
    listener=replace(LISTENER, thumbprint=OURS, binding=Binding.CUSTOM, security_layer=2),
    key_access=KeyAccess.GRANTED,
    firewall=RULE,
    record=RdpRecord(
        certificates=(OURS,),
        key_rights=(OURS,),
        settings=(Setting(name="security_layer", before=1, ours=(2,)),),
    ),
    has_record=True,
)


def bound(thumbprint: str, binding: Binding = Binding.CUSTOM) -> RdpListener:
    return replace(LISTENER, thumbprint=thumbprint, binding=binding)


def test_a_fresh_vm_gets_certificate_right_settings_and_rule() -> None:
    changes = plan_present(FRESH, WANTED)
    assert changes.steps == ("service", "key_right", "certificate", "firewall", "security_layer")
    assert (changes.certificate, changes.key_right, changes.settings) == (OURS, OURS, (("security_layer", 2),))
    assert changes.firewall == (3389, ("203.0.113.7",))
    assert changes.record == DONE.record
    assert changes.warnings == ()


def test_nothing_is_left_to_do_afterwards() -> None:
    assert after_changes(FRESH, plan_present(FRESH, WANTED)) == DONE
    assert not plan_present(DONE, WANTED).needed


def test_what_is_not_asked_for_stays() -> None:
    state = replace(FRESH, listener=bound(OTHER), port=3390, certificate=None, key_access=None)
    changes = plan_present(state, NOTHING)
    assert changes.steps == ("service", "firewall")
    assert changes.firewall == (3390, ("Any",))


def test_remote_desktop_that_is_off_is_allowed() -> None:
    changes = plan_present(replace(FRESH, listener=replace(LISTENER, enabled=False)), NOTHING)
    assert changes.settings == (("enabled", 1),)
    assert changes.record.settings == (Setting(name="enabled", before=0, ours=(1,)),)


def test_a_key_without_the_right_is_mended_although_the_certificate_is_bound() -> None:
    changes = plan_present(replace(DONE, key_access=KeyAccess.MISSING), WANTED)
    assert changes.steps == ("key_right",)


def test_a_key_that_is_no_file_is_warned_of() -> None:
    changes = plan_present(replace(FRESH, key_access=KeyAccess.UNKNOWN), WANTED)
    assert (changes.key_right, changes.certificate) == (None, OURS)
    assert "NETWORK SERVICE" in changes.warnings[0]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (replace(FRESH, certificate=None), "CertificateNotInstalled"),
        (replace(FRESH, certificate=replace(CERTIFICATE, has_private_key=False)), "CertificateWithoutPrivateKey"),
        (replace(FRESH, certificate=replace(CERTIFICATE, usages=("1.3.6.1.5.5.7.3.2",))), "CertificateNotForServers"),
    ],
)
def test_a_certificate_that_cannot_serve_is_refused_before_anything_is_changed(state: RdpState, code: str) -> None:
    with pytest.raises(NotReady) as caught:
        plan_present(state, WANTED)
    assert caught.value.code == code


@pytest.mark.parametrize("usages", [(), (REMOTE_DESKTOP_AUTHENTICATION,), ("2.5.29.37.0",)])
def test_a_certificate_for_remote_desktop_only_will_do(usages: tuple[str, ...]) -> None:
    assert plan_present(replace(FRESH, certificate=replace(CERTIFICATE, usages=usages)), WANTED).certificate == OURS


def test_a_stopped_service_is_started_before_the_rest_is_planned() -> None:
    changes = plan_present(replace(FRESH, service_status="Stopped", listener=None), WANTED)
    assert changes.steps == ("service", "key_right", "firewall")


def test_a_port_moves_with_its_rule() -> None:
    changes = plan_present(DONE, replace(WANTED, port=3390))
    assert changes.steps == ("firewall", "port")
    assert changes.firewall == (3390, ("203.0.113.7",))
    assert changes.record.setting("port") == Setting(name="port", before=3389, ours=(3390,))


def test_a_port_of_others_is_refused() -> None:
    with pytest.raises(Conflict) as caught:
        plan_present(replace(FRESH, port_taken=True), replace(WANTED, port=5986))
    assert caught.value.code == "PortTaken"
    assert not plan_present(replace(DONE, port_taken=True), replace(WANTED, port=3389)).needed


# Group Policy


def test_a_policy_that_binds_another_certificate_is_reported_and_not_fought() -> None:
    state = replace(DONE, listener=bound(OTHER, Binding.POLICY), policy=frozenset({"certificate"}))
    changes = plan_present(replace(state, key_access=KeyAccess.MISSING), replace(WANTED, security_layer=None))
    assert not changes.needed
    assert OTHER in changes.warnings[0]


def test_a_policy_that_binds_the_wanted_certificate_is_fine() -> None:
    state = replace(DONE, listener=bound(OURS, Binding.POLICY), policy=frozenset({"certificate"}))
    changes = plan_present(state, replace(WANTED, security_layer=None))
    assert (changes.steps, changes.warnings) == ((), ())


def test_settings_of_a_policy_are_reported_and_not_fought() -> None:
    state = replace(DONE, listener=LISTENER, policy=frozenset({"network_level_authentication", "security_layer"}))
    wanted = replace(NOTHING, network_level_authentication=False, security_layer=2, remote_addresses=("203.0.113.7",))
    changes = plan_present(state, wanted)
    assert not changes.needed
    assert "security_layer to negotiate" in changes.warnings[0]
    assert "network_level_authentication to True" in changes.warnings[1]


def test_a_policy_that_keeps_remote_desktop_off_is_an_error() -> None:
    state = replace(FRESH, listener=replace(LISTENER, enabled=False), policy=frozenset({"enabled"}))
    with pytest.raises(Refused) as caught:
        plan_present(state, WANTED)
    assert caught.value.code == "RemoteDesktopDisabledByPolicy"


def test_windows_own_rule_is_warned_of_where_it_admits_more() -> None:
    assert "left as it is" in plan_present(replace(FRESH, windows_rule=True), WANTED).warnings[0]
    assert plan_present(replace(FRESH, windows_rule=True), NOTHING).warnings == ()
    assert plan_present(replace(FRESH, windows_rule=True), replace(WANTED, port=3390)).warnings == ()


# Taking back


def test_everything_of_ours_is_taken_back() -> None:
    removal = plan_absent(DONE)
    assert removal.steps == ("security_layer", "certificate", "key_rights", "firewall", "record")
    assert (removal.settings, removal.key_rights, removal.restart) == ((("security_layer", 1),), (OURS,), True)
    gone = after_removal(DONE, removal)
    assert gone.listener == replace(LISTENER, thumbprint="")
    assert not plan_absent(gone).needed


def test_nothing_is_taken_back_where_nothing_is_recorded() -> None:
    assert not plan_absent(FRESH).needed


def test_what_somebody_changed_since_is_theirs() -> None:
    removal = plan_absent(replace(DONE, listener=replace(bound(OTHER), security_layer=0)))
    assert (removal.certificate, removal.settings, removal.restart) == (False, (), False)
    assert OTHER in removal.warnings[0]


def test_a_certificate_that_stays_bound_keeps_its_right() -> None:
    state = replace(DONE, record=RdpRecord(key_rights=(OTHER, OURS)))
    assert plan_absent(state).key_rights == (OTHER,)


def test_a_port_that_goes_back_restarts_the_service_by_itself() -> None:
    record = replace(DONE.record, settings=(Setting(name="port", before=3389, ours=(3390,)),))
    removal = plan_absent(replace(DONE, port=3390, record=record))
    assert (removal.certificate, removal.settings, removal.restart) == (True, (("port", 3389),), False)


def test_a_stopped_service_is_said() -> None:
    with pytest.raises(NotReady) as caught:
        plan_absent(replace(DONE, service_status="Stopped", listener=None))
    assert caught.value.code == "RdpServiceNotRunning"
    assert plan_absent(replace(FRESH, service_status="Stopped", listener=None)).steps == ()


# The record


def test_a_second_change_keeps_the_first_former_value() -> None:
    changes = plan_present(DONE, replace(WANTED, security_layer=0))
    assert changes.record.setting("security_layer") == Setting(name="security_layer", before=1, ours=(0, 2))


def test_a_value_of_somebody_else_is_a_former_value() -> None:
    listener = replace(bound(OURS), security_layer=0)
    changes = plan_present(replace(DONE, listener=listener), WANTED)
    assert changes.record.setting("security_layer") == Setting(name="security_layer", before=0, ours=(2,))


def test_a_renewed_certificate_leaves_the_old_one_ours_until_it_is_bound() -> None:
    state = replace(DONE, certificate=replace(CERTIFICATE, thumbprint=OTHER), key_access=KeyAccess.MISSING)
    changes = plan_present(state, replace(WANTED, thumbprint=OTHER))
    assert (changes.record.certificates, changes.record.key_rights) == ((OTHER, OURS), (OURS, OTHER))


@given(
    st.builds(
        RdpRecord,
        certificates=st.lists(st.text(), unique=True).map(tuple),
        key_rights=st.lists(st.text(), unique=True).map(tuple),
        settings=st.lists(
            st.builds(
                Setting,
                name=st.text(),
                before=st.integers(),
                ours=st.lists(st.integers(), min_size=1).map(tuple),
            ),
            unique_by=lambda setting: setting.name,
        ).map(tuple),
    )
)
def test_a_record_survives_the_registry(record: RdpRecord) -> None:
    assert RdpRecord.decode(record.encode()) == record


@pytest.mark.parametrize(
    "text", [None, "", "x", "[]", "1", '{"settings":1}', '{"settings":{"port":[]}}', '{"key_rights":5}']
)
def test_a_damaged_record_claims_nothing(text: str | None) -> None:
    assert RdpRecord.decode(text) == RdpRecord()
