# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_winrm_listener: the WinRM HTTPS listener, service and Windows Firewall rule inside a VM."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import compute
from .._domain.errors import InvalidInput
from .._domain.firewall_addresses import RemoteAddresses, remote_addresses
from .._domain.listener import FIREWALL_RULE, GuestState, WantedListener
from .._domain.listener_plan import plan_absent, plan_present
from .._domain.listener_prediction import after_changes, after_removal
from .._domain.outcome import Document, Outcome
from .._domain.resource_id import VmTarget
from .._domain.virtual_machine import PowerState, require_windows
from .._guest.winrm_listener import APPLY, READ, REMOVE
from .._guest.winrm_messages import apply_payload, explained, guest_state, read_payload, remove_payload
from .guest import ready_for_scripts
from .guest_settings import Guest, tidy_up
from .listener_options import checked_name, checked_port, checked_thumbprint
from .listener_probe import seen_from_here

if t.TYPE_CHECKING:
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the module was asked for, checked. ``verify`` is ``auto`` or ``guest``; ``address`` is where it probes."""

    target: VmTarget
    present: bool
    port: int
    thumbprint: str | None
    hostname: str | None
    remote: RemoteAddresses
    verify: str
    address: str | None
    network_interface: str | None

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what can't be right."""
        return cls(
            target=VmTarget.from_options(parameters),
            present=parameters["state"] == "present",
            port=checked_port(parameters["port"]),
            thumbprint=checked_thumbprint(parameters["certificate_thumbprint"]),
            hostname=checked_name("hostname", parameters["hostname"]),
            remote=remote_addresses(parameters["remote_addresses"] or []),
            verify=parameters["verify"],
            address=checked_name("address", parameters["address"]),
            network_interface=parameters["network_interface"] or None,
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
    if options.verify == "auto" and options.thumbprint and vm.power_state is PowerState.RUNNING:
        seen = seen_from_here(
            vm,
            port=options.port,
            thumbprint=options.thumbprint,
            hostname=options.hostname,
            address=options.address,
            network_interface=options.network_interface,
            context=context,
        )
        if seen is not None:
            if not context.check_mode:
                tidy_up(vm, context)
            return Outcome(name="listener", thing=seen, before=seen, after=seen)
    if context.check_mode and (options.verify == "auto" or not options.thumbprint):
        return _unseen(options, vm)
    wanted = options.wanted()
    vm = ready_for_scripts(vm, options.target, context)
    guest = _guest(vm, options, context)
    before = guest.read()
    if context.check_mode:
        changes = plan_present(before, wanted)
        after = after_changes(before, changes)
    else:
        after, changes = guest.settle(
            before,
            lambda state: plan_present(state, wanted),
            script=APPLY,
            payload=lambda changes: apply_payload(wanted.thumbprint, changes),
        )
    return Outcome(
        name="listener",
        thing=_thing(after, wanted),
        before=_compared(before),
        after=_compared(after),
        warnings=(*options.remote.warnings, *changes.warnings),
    )


def _absent(options: Options, vm: VirtualMachine, context: Context) -> Outcome:
    if context.check_mode and options.verify == "auto":
        return _unseen(options, vm)
    vm = ready_for_scripts(vm, options.target, context)
    guest = _guest(vm, options, context)
    before = guest.read()
    if context.check_mode:
        removal = plan_absent(before)
        after = after_removal(before, removal)
    else:
        after, removal = guest.settle(before, plan_absent, script=REMOVE, payload=remove_payload)
    return Outcome(
        name="listener",
        thing=_thing(after, None),
        before=_compared(before),
        after=_compared(after),
        warnings=removal.warnings,
    )


def _guest(vm: VirtualMachine, options: Options, context: Context) -> Guest[GuestState]:
    return Guest(
        vm=vm,
        context=context,
        script=READ,
        request=read_payload(options.thumbprint if options.present else None),
        state=guest_state,
        explain=lambda failure: explained(failure, where=str(vm), port=options.port),
    )


def _unseen(options: Options, vm: VirtualMachine) -> Outcome:
    """Check mode without a look inside the VM, which would need a Run Command: what a run would see to."""
    after: Document = {"present": options.present, "address": "*", "transport": "HTTPS", "port": options.port}
    if options.present:
        after |= {
            "hostname": options.hostname,
            "thumbprint": options.thumbprint,
            "enabled": True,
            "firewall": {"name": FIREWALL_RULE, "remote_addresses": list(options.remote.addresses)},
        }
    thing = {**_EMPTY, **after, "verified_by": None}
    warnings = [*options.remote.warnings]
    if vm.power_state is not PowerState.RUNNING:
        warnings.append(f"The {vm} is {vm.power_state.value}; it must be running when the listener is looked after.")
    return Outcome(name="listener", thing=thing, before=None, after=after, warnings=tuple(warnings))


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
