# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was found in the VM and what is wanted to the one change that is needed; decisions only, nothing is run."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .errors import Conflict, NotReady, Refused
from .guest_plan import GuestPlan, steps_of
from .installed_certificate import require_usable
from .listener import Bound, GuestState, Listener, Record, WantedListener

# The switches that are wanted, by the names WSMan has for them.
_WANTED_AUTH = {"Basic": False, "Negotiate": True}
_WANTED_SETTINGS = {"AllowUnencrypted": False}
_TOKEN_FILTER_POLICY = 1


@dataclass(frozen=True, kw_only=True)
class Changes(GuestPlan):
    """What to do inside the VM; empty, False or None means: leave as it is.

    ``complete`` is False when the service had to be started first: look again afterwards, there may be more to do.
    """

    record: Record
    service: bool = False
    session_configuration: bool = False
    auth: tuple[tuple[str, bool], ...] = ()
    settings: tuple[tuple[str, bool], ...] = ()
    token_filter_policy: int | None = None
    listener: Listener | None = None
    firewall: tuple[int, tuple[str, ...]] | None = None
    complete: bool = True
    warnings: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What there is to do, in words."""
        return steps_of(
            service=self.service,
            session_configuration=self.session_configuration,
            auth=self.auth,
            settings=self.settings,
            token_filter_policy=self.token_filter_policy is not None,
            listener=self.listener,
            firewall=self.firewall,
        )


@dataclass(frozen=True, kw_only=True)
class Removal(GuestPlan):
    """What to take back. ``token_filter_policy`` is the value to restore in a one-tuple (None: delete it), or empty."""

    listener: bool = False
    firewall: bool = False
    auth: tuple[tuple[str, bool], ...] = ()
    settings: tuple[tuple[str, bool], ...] = ()
    token_filter_policy: tuple[int | None, ...] = ()
    record: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What there is to do, in words."""
        return steps_of(
            listener=self.listener,
            firewall=self.firewall,
            auth=self.auth,
            settings=self.settings,
            token_filter_policy=self.token_filter_policy,
            record=self.record,
        )


def plan_present(state: GuestState, wanted: WantedListener) -> Changes:
    """What is missing for the wanted listener.

    Raises :class:`NotReady` when the certificate cannot serve, :class:`Refused` when Group Policy stands against it,
    :class:`Conflict` when another listener has the port.
    """
    hostname = _hostname(state, wanted)
    _require_policy_allows(state)
    listener = _wanted_listener(state, wanted, hostname)
    auth = _switches(_WANTED_AUTH, _current_auth(state), state)
    settings = _switches(_WANTED_SETTINGS, _current_settings(state), state)
    policy = None if state.token_filter_policy == _TOKEN_FILTER_POLICY else _TOKEN_FILTER_POLICY
    right = state.firewall is not None and state.firewall.admits(
        port=wanted.port, remote_addresses=wanted.remote_addresses
    )
    return Changes(
        record=_record(state, listener, auth, settings, touched_policy=policy is not None),
        service=not state.service_running or state.service_start_type.lower() != "automatic",
        session_configuration=state.session_configuration in ("missing", "disabled"),
        auth=auth,
        settings=settings,
        token_filter_policy=policy,
        listener=listener,
        firewall=None if right else (wanted.port, wanted.remote_addresses),
        complete=state.service_running,
        warnings=_policy_warnings(state),
    )


def plan_absent(state: GuestState) -> Removal:
    """What of the VM's configuration is this collection's, and so can be taken back.

    Raises :class:`NotReady` when the WinRM service does not run although a listener of ours is recorded.
    """
    record = state.record
    if state.listeners is None and record.listeners:
        raise NotReady(
            code="WinRMServiceNotRunning",
            message=f"The WinRM service of {state.computer_name} is {state.service_status.lower()}, so that its"
            " listener can't be removed.",
            hint="Start the service (Start-Service WinRM, for example by Run Command), then run the task again.",
        )
    listener = state.listener
    owned = listener is not None and record.owns(listener) and not listener.by_policy
    return Removal(
        listener=owned,
        firewall=state.firewall is not None,
        auth=_former(record.auth, _WANTED_AUTH, _current_auth(state), state),
        settings=_former(record.settings, _WANTED_SETTINGS, _current_settings(state), state),
        token_filter_policy=record.token_filter_policy if state.token_filter_policy == _TOKEN_FILTER_POLICY else (),
        record=state.has_record,
        warnings=() if listener is None or owned else (_not_ours(listener),),
    )


def _not_ours(listener: Listener) -> str:
    return (
        f"The HTTPS listener on port {listener.port} with the certificate {listener.thumbprint or '(none)'} was not"
        " made by this collection and stays."
    )


def _hostname(state: GuestState, wanted: WantedListener) -> str:
    """The host name of the listener, which Windows wants to be the common name of its certificate."""
    certificate = require_usable(state.certificate, wanted.thumbprint, computer_name=state.computer_name)
    common_name = certificate.common_name
    if wanted.hostname is not None and wanted.hostname.lower() != common_name.lower():
        raise NotReady(
            code="CertificateHostnameMismatch",
            message=f"The certificate {wanted.thumbprint} has the common name {common_name or '(none)'}, not"
            f" {wanted.hostname}; WinRM refuses such a listener, whatever other names the certificate carries.",
            hint="Leave hostname out (then it is the certificate's common name), or make a certificate with that one.",
            details={"thumbprint": wanted.thumbprint, "store": "LocalMachine\\My"},
        )
    return common_name


def _require_policy_allows(state: GuestState) -> None:
    if state.auth is not None and not state.auth.negotiate and "Negotiate" in state.policy:
        raise Refused(
            code="NegotiateDisabledByPolicy",
            message=f"Group Policy turns Negotiate authentication of the WinRM service off on {state.computer_name}, so"
            " that no local account can sign in.",
            hint="Change the policy 'Disallow Negotiate authentication' (Windows Remote Management, WinRM Service).",
        )


def _policy_warnings(state: GuestState) -> tuple[str, ...]:
    found = []
    if state.auth is not None and state.auth.basic and "Basic" in state.policy:
        found.append("Group Policy keeps Basic authentication of the WinRM service on; it can't be turned off here.")
    if state.allow_unencrypted and "AllowUnencrypted" in state.policy:
        found.append("Group Policy keeps unencrypted WinRM traffic allowed; it can't be turned off here.")
    return tuple(found)


def _wanted_listener(state: GuestState, wanted: WantedListener, hostname: str) -> Listener | None:
    """The listener to make; None when it is there, or when the service has to run first to tell."""
    if state.listeners is None:
        return None
    listener = Listener(
        address="*",
        transport="HTTPS",
        port=wanted.port,
        hostname=hostname,
        enabled=True,
        thumbprint=wanted.thumbprint,
    )
    present = state.listener
    if present is not None and _same(present, listener):
        return None
    if present is not None and present.by_policy:
        raise Refused(
            code="ListenerFixedByPolicy",
            message=f"Group Policy made the HTTPS listener of {state.computer_name} (port {present.port}); it can't be"
            " changed inside the VM.",
            hint="Change the policy, or take the VM out of its reach.",
            details={"listener": present.describe()},
        )
    taken = next((each for each in state.foreign if each.port == wanted.port), None)
    if taken is not None:
        raise Conflict(
            code="PortTaken",
            message=f"Port {wanted.port} of {state.computer_name} belongs to another WinRM listener"
            f" ({taken.transport} on {taken.address}).",
            hint="Choose another port.",
            details={"listener": taken.describe()},
        )
    return listener


def _same(present: Listener, wanted: Listener) -> bool:
    return (
        present.enabled
        and present.port == wanted.port
        and present.hostname.lower() == wanted.hostname.lower()
        and present.thumbprint == wanted.thumbprint
    )


def _current_auth(state: GuestState) -> dict[str, bool]:
    return {} if state.auth is None else {"Basic": state.auth.basic, "Negotiate": state.auth.negotiate}


def _current_settings(state: GuestState) -> dict[str, bool]:
    return {} if state.allow_unencrypted is None else {"AllowUnencrypted": state.allow_unencrypted}


def _switches(
    wanted: t.Mapping[str, bool], current: t.Mapping[str, bool], state: GuestState
) -> tuple[tuple[str, bool], ...]:
    """The switches that differ and can be set."""
    return tuple(
        (name, value)
        for name, value in wanted.items()
        if name in current and current[name] != value and name not in state.policy
    )


def _former(
    recorded: tuple[tuple[str, bool], ...],
    ours: t.Mapping[str, bool],
    current: t.Mapping[str, bool],
    state: GuestState,
) -> tuple[tuple[str, bool], ...]:
    """The recorded switches that still stand as we set them; what somebody changed since is theirs."""
    return tuple(
        (name, before)
        for name, before in recorded
        if current.get(name) == ours.get(name) and before != current.get(name) and name not in state.policy
    )


def _record(
    state: GuestState,
    listener: Listener | None,
    auth: tuple[tuple[str, bool], ...],
    settings: tuple[tuple[str, bool], ...],
    *,
    touched_policy: bool,
) -> Record:
    """The record to keep, written before anything is changed; a former value once noted is not noted again."""
    known = state.record
    listeners = known.listeners
    if listener is not None:
        listeners = (Bound(port=listener.port, thumbprint=listener.thumbprint),)
        present = state.listener
        # Until the new one stands, the old one is still ours.
        if present is not None and known.owns(present):
            old = Bound(port=present.port, thumbprint=present.thumbprint)
            listeners = tuple(dict.fromkeys((*listeners, old)))
    policy = known.token_filter_policy or ((state.token_filter_policy,) if touched_policy else ())
    return Record(
        listeners=listeners,
        auth=_noted(known.auth, auth),
        settings=_noted(known.settings, settings),
        token_filter_policy=policy,
    )


def _noted(known: tuple[tuple[str, bool], ...], changed: tuple[tuple[str, bool], ...]) -> tuple[tuple[str, bool], ...]:
    before = {name: not value for name, value in changed}
    return tuple({**before, **dict(known)}.items())
