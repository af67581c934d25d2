# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_winrm_listener: the WinRM HTTPS listener, service and Windows Firewall rule inside a VM."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from .._azure import compute, run_commands
from .._domain.errors import Conflict, InvalidInput, Refused, TimedOut
from .._domain.firewall_addresses import RemoteAddresses, remote_addresses
from .._domain.listener import FIREWALL_RULE, GuestState, WantedListener
from .._domain.listener_plan import Changes, Removal, plan_absent, plan_present
from .._domain.listener_prediction import after_changes, after_removal
from .._domain.outcome import Document, Outcome
from .._domain.resource_id import VmTarget
from .._domain.server_name import normalise_server_name
from .._domain.thumbprint import normalise_thumbprint
from .._domain.virtual_machine import PowerState, require_windows
from .._guest.script import ScriptFailed
from .._guest.winrm_listener import APPLY, READ, REMOVE
from .._guest.winrm_messages import apply_payload, explained, guest_state, read_payload, remove_payload
from .guest import ready_for_scripts, run_in_guest
from .listener_probe import seen_from_here

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._domain.virtual_machine import VirtualMachine
    from .._guest.script import GuestScript
    from .context import Context

_ROUNDS = 4
"""Starting the service, the change itself, and two more for runs that meet in one VM."""

_TIDY_SECONDS = 60
"""How long a run that has nothing to do waits for the script of another."""


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
        port = parameters["port"]
        if not 1 <= port <= 65535:
            raise InvalidInput(code="InvalidPort", message=f"{port} is not a port: ports go from 1 to 65535.")
        return cls(
            target=VmTarget.from_options(parameters),
            present=parameters["state"] == "present",
            port=port,
            thumbprint=_thumbprint(parameters["certificate_thumbprint"]),
            hostname=_name("hostname", parameters["hostname"]),
            remote=remote_addresses(parameters["remote_addresses"] or []),
            verify=parameters["verify"],
            address=_name("address", parameters["address"]),
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


def _thumbprint(text: str | None) -> str | None:
    if not text:
        return None
    try:
        digits = normalise_thumbprint(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidThumbprint", message=f"certificate_thumbprint: {error}.") from error
    if len(digits) != 40:
        raise InvalidInput(
            code="InvalidThumbprint",
            message="certificate_thumbprint is a SHA-256 thumbprint; Windows names certificates by SHA-1 (40 digits).",
            hint="azvm.access.winrm_cert_keyvault returns it as certificate.thumbprint.",
        )
    return digits


def _name(option: str, text: str | None) -> str | None:
    if not text:
        return None
    try:
        return normalise_server_name(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidName", message=f"{option}: {error}.") from error


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
                _tidy_up(vm, context)
            return Outcome(name="listener", thing=seen, before=seen, after=seen)
    if context.check_mode and (options.verify == "auto" or not options.thumbprint):
        return _unseen(options, vm)
    wanted = options.wanted()
    vm = ready_for_scripts(vm, options.target, context)
    guest = _Guest(vm, options, context)
    before = guest.read(wanted.thumbprint)
    if context.check_mode:
        changes = plan_present(before, wanted)
        after = after_changes(before, changes)
    else:
        after, changes = guest.settle(before, wanted)
    return Outcome(
        name="listener",
        thing=_thing(after, wanted),
        before=_compared(before),
        after=_compared(after),
        warnings=(*options.remote.warnings, *changes.warnings),
    )


def _tidy_up(vm: VirtualMachine, context: Context) -> None:
    """An interrupted run may have left its Run Command, although its script did the work."""
    with contextlib.suppress(TimedOut):
        run_commands.tidy_up(context.azure, vm, deadline=context.deadline.within(_TIDY_SECONDS))


def _absent(options: Options, vm: VirtualMachine, context: Context) -> Outcome:
    if context.check_mode and options.verify == "auto":
        return _unseen(options, vm)
    vm = ready_for_scripts(vm, options.target, context)
    guest = _Guest(vm, options, context)
    before = guest.read(None)
    if context.check_mode:
        removal = plan_absent(before)
        after = after_removal(before, removal)
    else:
        after, removal = guest.clear(before)
    return Outcome(
        name="listener",
        thing=_thing(after, None),
        before=_compared(before),
        after=_compared(after),
        warnings=removal.warnings,
    )


class _Guest:
    """The scripts of this module in one VM."""

    def __init__(self, vm: VirtualMachine, options: Options, context: Context) -> None:
        self._vm = vm
        self._options = options
        self._context = context

    def read(self, thumbprint: str | None) -> GuestState:
        return _patiently(lambda: guest_state(run_in_guest(self._vm, READ, read_payload(thumbprint), self._context)))

    def settle(self, state: GuestState, wanted: WantedListener) -> tuple[GuestState, Changes]:
        """Apply what is planned until nothing is; the first plan is returned with the last state."""
        first = changes = plan_present(state, wanted)
        for _round in range(_ROUNDS):
            if not changes.needed:
                return state, first
            state = self._change(APPLY, apply_payload(wanted.thumbprint, changes), wanted.thumbprint)
            changes = plan_present(state, wanted)
        if changes.needed:
            raise self._not_kept(changes)
        return state, first

    def clear(self, state: GuestState) -> tuple[GuestState, Removal]:
        first = removal = plan_absent(state)
        for _round in range(_ROUNDS):
            if not removal.needed:
                return state, first
            state = self._change(REMOVE, remove_payload(removal), None)
            removal = plan_absent(state)
        return state, first

    def _change(self, script: GuestScript, payload: Document, thumbprint: str | None) -> GuestState:
        """Run a changing script; when it fails or its answer is lost, what counts is what the VM then looks like."""
        try:
            return guest_state(run_in_guest(self._vm, script, payload, self._context))
        except ScriptFailed as failure:
            state = self.read(thumbprint)
            if self._plan_needed(state):
                raise explained(failure, where=str(self._vm), port=self._options.port) from failure
            return state
        except Conflict as conflict:
            if conflict.code != "RunCommandRemoved":
                raise
            return self.read(thumbprint)

    def _plan_needed(self, state: GuestState) -> bool:
        if self._options.present:
            return plan_present(state, self._options.wanted()).needed
        return plan_absent(state).needed

    def _not_kept(self, changes: Changes) -> Refused:
        return Refused(
            code="SettingsNotKept",
            message=f"The {self._vm} does not keep what is set in it: still to do are {', '.join(_names(changes))}.",
            hint="A Group Policy or another program sets it back; see 'gpresult /h' inside the VM.",
        )


def _patiently(read: Callable[[], GuestState]) -> GuestState:
    """Read again when somebody tidied the command away before its output was fetched."""
    for _try in range(_ROUNDS):
        try:
            return read()
        except Conflict as conflict:
            if conflict.code != "RunCommandRemoved":
                raise
    return read()


def _names(changes: Changes) -> list[str]:
    names = ("service", "session_configuration", "auth", "settings", "token_filter_policy", "listener", "firewall")
    return [name for name in names if getattr(changes, name) not in (None, False, ())]


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
        "firewall": state.firewall.describe() if state.firewall else None,
    }
