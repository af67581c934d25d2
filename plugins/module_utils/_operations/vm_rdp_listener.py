# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_rdp_listener: certificate, security, port, service and Windows Firewall rule of Remote Desktop inside a VM."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import compute
from .._domain.errors import InvalidInput
from .._domain.outcome import Document, Outcome
from .._domain.port import checked_port
from .._domain.rdp_listener import FIREWALL_RULE, SECURITY_LAYERS, KeyAccess, RdpState, WantedRdp
from .._domain.rdp_listener_plan import after_changes, after_removal, plan_absent, plan_present, said
from .._domain.virtual_machine import require_windows
from .._guest.rdp_listener import APPLY, READ, REMOVE
from .._guest.rdp_messages import apply_payload, explained, rdp_state, read_payload, remove_payload
from .guest import ready_for_scripts
from .guest_settings import Guest, already, foreseen
from .listener_options import ListenerOptions
from .rdp_listener_probe import rdp_seen_from_here

if t.TYPE_CHECKING:
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context


@dataclass(frozen=True, kw_only=True)
class Options(ListenerOptions):
    """What the module was asked for, checked. ``security_layer`` is the number that Windows has for it."""

    network_level_authentication: bool | None
    security_layer: int | None
    port: int | None

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what can't be right."""
        layer = parameters["security_layer"]
        if parameters["network_level_authentication"] and layer == "rdp":
            raise InvalidInput(
                code="NlaNeedsTls",
                message="network_level_authentication needs TLS, which security_layer=rdp leaves out.",
                hint="Set security_layer to negotiate or tls.",
            )
        return cls(
            **cls.checked(parameters),
            network_level_authentication=parameters["network_level_authentication"],
            security_layer=None if layer is None else SECURITY_LAYERS.index(layer),
            port=None if parameters["port"] is None else checked_port(parameters["port"]),
        )

    def wanted(self) -> WantedRdp:
        return WantedRdp(
            thumbprint=self.thumbprint,
            network_level_authentication=self.network_level_authentication,
            security_layer=self.security_layer,
            port=self.port,
            remote_addresses=self.remote.addresses,
        )

    def request(self) -> Document:
        """What the scripts are to look at."""
        if not self.present:
            return read_payload(thumbprint=None, port=None)
        return read_payload(thumbprint=self.thumbprint, port=self.port)


def run(options: Options, context: Context) -> Outcome:
    """Look from outside, then inside if need be; plan; apply."""
    vm = compute.read_vm(context.azure, options.target)
    require_windows(vm)
    if options.present:
        return _present(options, vm, context)
    return _absent(options, vm, context)


def _present(options: Options, vm: VirtualMachine, context: Context) -> Outcome:
    wanted = options.wanted()
    seen = rdp_seen_from_here(options, wanted, vm, context) if options.worth_a_look(vm) else None
    if seen is not None:
        return already("listener", seen, vm, context, warnings=options.remote.warnings)
    if context.check_mode and options.verify == "auto":
        return _unseen(options, vm)
    guest = _guest(vm, options, context)
    return guest.outcome(
        "listener",
        lambda state: plan_present(state, wanted),
        predicted=after_changes,
        script=APPLY,
        payload=lambda changes: apply_payload(guest.request, changes),
        thing=_thing,
        compared=_compared,
        warnings=options.remote.warnings,
    )


def _absent(options: Options, vm: VirtualMachine, context: Context) -> Outcome:
    if context.check_mode and options.verify == "auto":
        return _unseen(options, vm)
    guest = _guest(vm, options, context)
    return guest.outcome(
        "listener",
        plan_absent,
        predicted=after_removal,
        script=REMOVE,
        payload=lambda removal: remove_payload(guest.request, removal),
        thing=_thing,
        compared=_compared,
    )


def _guest(vm: VirtualMachine, options: Options, context: Context) -> Guest[RdpState]:
    vm = ready_for_scripts(vm, options.target, context)
    return Guest(
        vm=vm,
        context=context,
        script=READ,
        request=options.request(),
        state=rdp_state,
        explain=lambda failure: explained(failure, where=str(vm)),
    )


_EMPTY: Document = {
    "enabled": None,
    "port": None,
    "thumbprint": None,
    "certificate_source": None,
    "network_level_authentication": None,
    "security_layer": None,
    "private_key_readable": None,
    "service": None,
    "firewall": None,
    "fixed_by_policy": None,
    "verified_by": None,
}


def _unseen(options: Options, vm: VirtualMachine) -> Outcome:
    after: Document = {}
    if options.present:
        wanted = options.wanted()
        after = {name: said(name, value) for name, value in wanted.settings.items()}
        after["firewall"] = {"name": FIREWALL_RULE, "remote_addresses": list(wanted.remote_addresses)}
        if wanted.thumbprint:
            after["thumbprint"] = wanted.thumbprint
    return foreseen("listener", {**_EMPTY, **after}, after, vm, options.remote.warnings)


_READABLE = {KeyAccess.GRANTED: True, KeyAccess.MISSING: False, KeyAccess.UNKNOWN: None, None: None}


def _thing(state: RdpState) -> Document:
    listener = state.listener
    return {
        **_EMPTY,
        **_settings(state),
        "thumbprint": (listener.thumbprint or None) if listener else None,
        "certificate_source": listener.binding.value if listener else None,
        "private_key_readable": _READABLE[state.key_access],
        "service": {"status": state.service_status, "start_type": state.service_start_type},
        "firewall": state.firewall.describe(FIREWALL_RULE) if state.firewall else None,
        "fixed_by_policy": sorted(state.policy),
        "verified_by": "guest",
    }


def _settings(state: RdpState) -> Document:
    return {name: said(name, value) for name, value in state.settings.items()}


def _compared(state: RdpState) -> Document:
    """What the diff shows: all that this module looks after."""
    return {
        **_settings(state),
        "certificate": state.listener.bound if state.listener else None,
        "private_key_readable": _READABLE[state.key_access],
        "private_key_rights": list(state.record.key_rights),
        "service": {"status": state.service_status, "start_type": state.service_start_type},
        "firewall": state.firewall.describe(FIREWALL_RULE) if state.firewall else None,
    }
