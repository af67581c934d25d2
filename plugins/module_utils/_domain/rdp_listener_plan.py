# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what Remote Desktop is like in the VM and what is wanted to the one change that is needed; nothing is run."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .errors import Conflict, NotReady, Refused
from .firewall_addresses import ANY
from .firewall_rule import FirewallRule
from .guest_plan import GuestPlan, steps_of
from .installed_certificate import REMOTE_DESKTOP_AUTHENTICATION, SERVER_AUTHENTICATION, require_usable
from .rdp_listener import (
    DEFAULT_PORT,
    SECURITY_LAYERS,
    Binding,
    KeyAccess,
    RdpListener,
    RdpRecord,
    RdpState,
    Setting,
    WantedRdp,
)

_PURPOSES = frozenset({SERVER_AUTHENTICATION, REMOTE_DESKTOP_AUTHENTICATION})


@dataclass(frozen=True, kw_only=True)
class RdpChanges(GuestPlan):
    """What to do inside the VM; empty, False or None means: leave as it is.

    ``certificate`` is the thumbprint to bind, ``key_right`` that of the certificate whose key is to be readable.
    """

    record: RdpRecord
    service: bool = False
    key_right: str | None = None
    certificate: str | None = None
    settings: tuple[tuple[str, int], ...] = ()
    firewall: tuple[int, tuple[str, ...]] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What there is to do, in words."""
        single = steps_of(
            service=self.service, key_right=self.key_right, certificate=self.certificate, firewall=self.firewall
        )
        return (*single, *dict(self.settings))


@dataclass(frozen=True, kw_only=True)
class RdpRemoval(GuestPlan):
    """What to take back; ``settings`` are the values to restore, ``key_rights`` as in :class:`RdpRecord`."""

    certificate: bool = False
    settings: tuple[tuple[str, int], ...] = ()
    key_rights: tuple[str, ...] = ()
    firewall: bool = False
    record: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What there is to do, in words."""
        single = steps_of(
            certificate=self.certificate, key_rights=self.key_rights, firewall=self.firewall, record=self.record
        )
        return (*dict(self.settings), *single)

    @property
    def restart(self) -> bool:
        """Whether the service has to be restarted beyond what the settings need.

        A certificate whose key it may no longer read must not be in use.
        """
        return self.certificate and "port" not in dict(self.settings)


def plan_present(state: RdpState, wanted: WantedRdp) -> RdpChanges:
    """What is missing for Remote Desktop as wanted.

    Raises :class:`NotReady` when the certificate cannot serve, :class:`Refused` when Group Policy keeps Remote Desktop
    off, :class:`Conflict` when something else has the port. Other settings of a policy are warned of and left alone.
    """
    if wanted.thumbprint is not None:
        require_usable(state.certificate, wanted.thumbprint, computer_name=state.computer_name, purposes=_PURPOSES)
    _require_policy_allows(state)
    _require_port_free(state, wanted)
    settings = tuple(
        (name, value)
        for name, value in wanted.settings.items()
        if state.settings.get(name, value) != value and name not in state.policy
    )
    certificate = _certificate(state, wanted)
    used = wanted.thumbprint is not None and not _policy_binds_another(state, wanted)
    key_right = wanted.thumbprint if used and state.key_access is KeyAccess.MISSING else None
    port = wanted.port or state.port
    right = state.firewall is not None and state.firewall.admits(port=port, remote_addresses=wanted.remote_addresses)
    return RdpChanges(
        record=_record(state, certificate, key_right, settings),
        service=not state.service_running or state.service_start_type.lower() != "automatic",
        key_right=key_right,
        certificate=certificate,
        settings=settings,
        firewall=None if right else (port, wanted.remote_addresses),
        warnings=tuple(_warnings(state, wanted, port)),
    )


def plan_absent(state: RdpState) -> RdpRemoval:
    """What of the VM's configuration is this collection's, and so can be taken back.

    Raises :class:`NotReady` when the service does not run although a certificate or settings of ours are recorded.
    """
    record = state.record
    if state.listener is None and (record.certificates or record.settings):
        raise NotReady(
            code="RdpServiceNotRunning",
            message=f"Remote Desktop Services of {state.computer_name} is {state.service_status.lower()}, so that its"
            " listener can't be set.",
            hint="Start the service (Start-Service TermService, for example by Run Command), then run the task again.",
        )
    listener = state.listener
    custom = listener is not None and listener.binding is Binding.CUSTOM
    owned = listener is not None and custom and listener.thumbprint in record.certificates
    kept = listener.thumbprint if listener is not None and not owned else None
    return RdpRemoval(
        certificate=owned,
        settings=tuple(
            (each.name, each.before)
            for each in record.settings
            if state.settings.get(each.name) in each.ours
            and state.settings[each.name] != each.before
            and each.name not in state.policy
        ),
        # What stays bound has to stay usable.
        key_rights=tuple(each for each in record.key_rights if each != kept),
        firewall=state.firewall is not None,
        record=state.has_record,
        warnings=(_not_ours(listener),) if listener is not None and custom and not owned else (),
    )


def after_changes(state: RdpState, changes: RdpChanges) -> RdpState:
    """``state`` with ``changes`` made; what nobody knows while the service does not run stays unknown."""
    changed = _with_settings(state, changes.settings)
    return replace(
        changed,
        service_status="Running" if changes.service else state.service_status,
        service_start_type="Automatic" if changes.service else state.service_start_type,
        listener=_bound_to(changed.listener, changes.certificate),
        key_access=KeyAccess.GRANTED if changes.key_right else state.key_access,
        firewall=FirewallRule.after(state.firewall, changes.firewall),
        record=changes.record,
        has_record=state.has_record or changes.needed,
    )


def after_removal(state: RdpState, removal: RdpRemoval) -> RdpState:
    """``state`` with ``removal`` carried out; which certificate Windows then makes for itself is not known."""
    restored = _with_settings(state, removal.settings)
    listener = restored.listener
    if listener is not None and removal.certificate:
        listener = replace(listener, thumbprint="", binding=Binding.OWN)
    return replace(
        restored,
        listener=listener,
        firewall=None if removal.firewall else state.firewall,
        record=RdpRecord(),
        has_record=False,
    )


def _with_settings(state: RdpState, settings: tuple[tuple[str, int], ...]) -> RdpState:
    new = {**state.settings, **dict(settings)}
    listener = state.listener and replace(
        state.listener,
        enabled=bool(new["enabled"]),
        network_level_authentication=bool(new["network_level_authentication"]),
        security_layer=new["security_layer"],
    )
    return replace(state, port=new["port"], listener=listener)


def _bound_to(listener: RdpListener | None, thumbprint: str | None) -> RdpListener | None:
    if listener is None or thumbprint is None:
        return listener
    return replace(listener, thumbprint=thumbprint, binding=Binding.CUSTOM)


def _certificate(state: RdpState, wanted: WantedRdp) -> str | None:
    """The thumbprint to bind; None when it is bound, fixed by policy, or when the service has to run first to tell."""
    if wanted.thumbprint is None or state.listener is None or "certificate" in state.policy:
        return None
    return None if state.listener.bound == wanted.thumbprint else wanted.thumbprint


def _policy_binds_another(state: RdpState, wanted: WantedRdp) -> bool:
    bound = state.listener.thumbprint if state.listener is not None else None
    return "certificate" in state.policy and bound != wanted.thumbprint


def _require_policy_allows(state: RdpState) -> None:
    if state.listener is not None and not state.listener.enabled and "enabled" in state.policy:
        raise Refused(
            code="RemoteDesktopDisabledByPolicy",
            message=f"Group Policy keeps Remote Desktop off on {state.computer_name}.",
            hint="Change the policy 'Allow users to connect remotely by using Remote Desktop Services' (Remote Desktop"
            " Session Host, Connections), or take the VM out of its reach.",
        )


def _require_port_free(state: RdpState, wanted: WantedRdp) -> None:
    if wanted.port is not None and wanted.port != state.port and state.port_taken:
        raise Conflict(
            code="PortTaken",
            message=f"Something else listens on port {wanted.port} of {state.computer_name}.",
            hint="Choose another port.",
        )


def _warnings(state: RdpState, wanted: WantedRdp, port: int) -> t.Iterator[str]:
    if wanted.thumbprint is not None and _policy_binds_another(state, wanted):
        bound = state.listener.thumbprint if state.listener else ""
        other = f"the certificate {bound}" if bound else "another certificate"
        yield f"Group Policy binds Remote Desktop to {other}; {wanted.thumbprint} can't be bound here."
    elif wanted.thumbprint is not None and state.key_access is KeyAccess.UNKNOWN:
        yield (
            f"Whether NETWORK SERVICE may read the private key of the certificate {wanted.thumbprint} can't be told,"
            " because the key is not in a file; if Remote Desktop ends connections at once, grant it in certlm.msc."
        )
    for name, value in wanted.settings.items():
        if name in state.policy and state.settings.get(name, value) != value:
            yield f"Group Policy fixes {name} to {said(name, state.settings[name])}; it can't be changed here."
    if port == DEFAULT_PORT and state.windows_rule and wanted.remote_addresses != (ANY,):
        yield (
            f"Windows' own firewall rule 'Remote Desktop - User Mode (TCP-In)' is on and may let others than"
            f" remote_addresses in on port {DEFAULT_PORT}; it is left as it is."
        )


def said(name: str, value: int) -> object:
    """The value of a setting as it is written in options."""
    if name == "security_layer":
        return SECURITY_LAYERS[value] if value in range(len(SECURITY_LAYERS)) else value
    return value if name == "port" else bool(value)


def _not_ours(listener: RdpListener) -> str:
    return f"The certificate {listener.thumbprint} was not bound to Remote Desktop by this collection and stays."


def _record(
    state: RdpState, certificate: str | None, key_right: str | None, settings: tuple[tuple[str, int], ...]
) -> RdpRecord:
    """The record to keep, written before anything is changed."""
    known = state.record
    certificates = known.certificates
    if certificate is not None:
        # Until the new one is bound, the old one is still ours.
        bound = state.listener.bound if state.listener else None
        certificates = tuple(dict.fromkeys((certificate, *(each for each in known.certificates if each == bound))))
    rights = dict.fromkeys((*known.key_rights, *([key_right] if key_right else [])))
    changed = {name: _noted(known.setting(name), name, state.settings[name], value) for name, value in settings}
    kept = {each.name: each for each in known.settings}
    return RdpRecord(certificates=certificates, key_rights=tuple(rights), settings=tuple({**kept, **changed}.values()))


def _noted(known: Setting | None, name: str, current: int, value: int) -> Setting:
    """What somebody else set in between is a former value, too; what we set is not."""
    if known is None or current not in known.ours:
        return Setting(name=name, before=current, ours=(value,))
    return Setting(name=name, before=known.before, ours=tuple(dict.fromkeys((value, current))))
