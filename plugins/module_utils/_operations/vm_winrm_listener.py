# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_winrm_listener: the WinRM HTTPS listener, service and Windows Firewall rule inside a VM."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import compute
from .._domain.errors import InvalidInput
from .._domain.listener import FIREWALL_RULE, GuestState, WantedListener
from .._domain.listener_plan import plan_absent, plan_present
from .._domain.listener_prediction import after_changes, after_removal
from .._domain.outcome import Document, Outcome
from .._domain.port import checked_port
from .._domain.virtual_machine import require_windows
from .._guest.winrm_listener import APPLY, READ, REMOVE
from .._guest.winrm_messages import apply_payload, explained, guest_state, read_payload, remove_payload
from .guest import ready_for_scripts
from .guest_settings import Guest, already, foreseen
from .listener_options import ListenerOptions, checked_name
from .winrm_listener_probe import winrm_seen_from_here

if t.TYPE_CHECKING:
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context


@dataclass(frozen=True, kw_only=True)
class Options(ListenerOptions):
    """What the module was asked for, checked."""

    port: int
    hostname: str | None

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what can't be right."""
        return cls(
            **cls.checked(parameters),
            port=checked_port(parameters["port"]),
            hostname=checked_name("hostname", parameters["hostname"]),
        )

    def wanted(self) -> WantedListener:
        """Raise :class:`InvalidInput` when no certificate is named."""
        if self.thumbprint is None:
            raise InvalidInput(
                code="ThumbprintMissing",
                message="certificate_thumbprint is needed for state=present.",
                hint="azvm.access.winrm_cert_keyvault returns it as certificate.thumbprint.",
            )
        return WantedListener(
            port=self.port,
            thumbprint=self.thumbprint,
            hostname=self.hostname,
            remote_addresses=self.remote.addresses,
        )


def run(options: Options, context: Context) -> Outcome:
    """Look from outside, then inside if need be; plan; apply."""
    if options.present and not context.check_mode:
        options.wanted()
    vm = compute.read_vm(context.azure, options.target)
    require_windows(vm)
    if options.present:
        return _present(options, vm, context)
    return _absent(options, vm, context)


def _present(options: Options, vm: VirtualMachine, context: Context) -> Outcome:
    seen = None
    if options.thumbprint and options.worth_a_look(vm):
        seen = winrm_seen_from_here(options, options.wanted(), vm, context)
    if seen is not None:
        return already("listener", seen, vm, context, warnings=options.remote.warnings)
    if context.check_mode and (options.verify == "auto" or not options.thumbprint):
        return _unseen(options, vm)
    wanted = options.wanted()
    return _guest(vm, options, context).outcome(
        "listener",
        lambda state: plan_present(state, wanted),
        predicted=after_changes,
        script=APPLY,
        payload=lambda changes: apply_payload(wanted.thumbprint, changes),
        thing=lambda state: _thing(state, wanted),
        compared=_compared,
        warnings=options.remote.warnings,
    )


def _absent(options: Options, vm: VirtualMachine, context: Context) -> Outcome:
    if context.check_mode and options.verify == "auto":
        return _unseen(options, vm)
    return _guest(vm, options, context).outcome(
        "listener",
        plan_absent,
        predicted=after_removal,
        script=REMOVE,
        payload=remove_payload,
        thing=lambda state: _thing(state, None),
        compared=_compared,
    )


def _guest(vm: VirtualMachine, options: Options, context: Context) -> Guest[GuestState]:
    vm = ready_for_scripts(vm, options.target, context)
    return Guest(
        vm=vm,
        context=context,
        script=READ,
        request=read_payload(options.thumbprint if options.present else None),
        state=guest_state,
        explain=lambda failure: explained(failure, where=str(vm), port=options.port),
    )


def _unseen(options: Options, vm: VirtualMachine) -> Outcome:
    after: Document = {"present": options.present, "address": "*", "transport": "HTTPS", "port": options.port}
    if options.present:
        after |= {
            "hostname": options.hostname,
            "thumbprint": options.thumbprint,
            "enabled": True,
            "firewall": {"name": FIREWALL_RULE, "remote_addresses": list(options.remote.addresses)},
        }
    return foreseen("listener", {**_EMPTY, **after, "verified_by": None}, after, vm, options.remote.warnings)


_EMPTY: Document = {
    "present": False,
    "address": "*",
    "transport": "HTTPS",
    "port": None,
    "hostname": None,
    "thumbprint": None,
    "enabled": None,
    "service": None,
    "auth": None,
    "allow_unencrypted": None,
    "firewall": None,
    "foreign": [],
    "verified_by": "guest",
}


def _thing(state: GuestState, wanted: WantedListener | None) -> Document:
    listener = state.listener
    compared = _compared(state)
    return {
        **_EMPTY,
        **({} if listener is None else _identity(state)),
        "present": listener is not None and (wanted is None or listener.port == wanted.port),
        **{key: compared[key] for key in ("service", "auth", "allow_unencrypted", "firewall")},
        "foreign": [each.describe() for each in state.foreign],
    }


def _identity(state: GuestState) -> Document:
    listener = state.listener
    described = listener.describe() if listener else {}
    described.pop("source", None)
    return described


def _compared(state: GuestState) -> Document:
    """What the diff shows: all that this module looks after."""
    return {
        "listener": _identity(state) or None,
        "service": {"status": state.service_status, "start_type": state.service_start_type},
        "session_configuration": state.session_configuration,
        "auth": state.auth.describe() if state.auth else None,
        "allow_unencrypted": state.allow_unencrypted,
        "token_filter_policy": state.token_filter_policy,
        "firewall": state.firewall.describe(FIREWALL_RULE) if state.firewall else None,
    }
