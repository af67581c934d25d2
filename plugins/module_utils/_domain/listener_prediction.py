# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM would look like after a planned change: the answer of check mode."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .firewall_rule import FirewallRule

if t.TYPE_CHECKING:
    from .listener import AuthMethods, GuestState
    from .listener_plan import Changes, Removal


def after_changes(state: GuestState, changes: Changes) -> GuestState:
    """``state`` with ``changes`` made; what nobody knows while the service does not run stays unknown."""
    others = tuple(each for each in state.listeners or () if each is not state.listener)
    return replace(
        state,
        service_status="Running" if changes.service else state.service_status,
        service_start_type="Automatic" if changes.service else state.service_start_type,
        session_configuration="enabled" if changes.session_configuration else state.session_configuration,
        auth=_with_auth(state.auth, changes.auth),
        allow_unencrypted=_with_setting(state.allow_unencrypted, changes.settings),
        token_filter_policy=(
            state.token_filter_policy if changes.token_filter_policy is None else changes.token_filter_policy
        ),
        listeners=(*others, changes.listener) if changes.listener else state.listeners,
        firewall=FirewallRule.after(state.firewall, changes.firewall),
        record=changes.record,
        has_record=state.has_record or changes.needed,
    )


def after_removal(state: GuestState, removal: Removal) -> GuestState:
    """``state`` with ``removal`` carried out."""
    others = tuple(each for each in state.listeners or () if each is not state.listener)
    return replace(
        state,
        auth=_with_auth(state.auth, removal.auth),
        allow_unencrypted=_with_setting(state.allow_unencrypted, removal.settings),
        token_filter_policy=(
            removal.token_filter_policy[0] if removal.token_filter_policy else state.token_filter_policy
        ),
        listeners=others if removal.listener else state.listeners,
        firewall=None if removal.firewall else state.firewall,
        has_record=False,
    )


def _with_auth(auth: AuthMethods | None, switches: tuple[tuple[str, bool], ...]) -> AuthMethods | None:
    changed = dict(switches)
    if auth is None or not changed:
        return auth
    return replace(auth, basic=changed.get("Basic", auth.basic), negotiate=changed.get("Negotiate", auth.negotiate))


def _with_setting(value: bool | None, switches: tuple[tuple[str, bool], ...]) -> bool | None:
    return next((switched for name, switched in switches if name == "AllowUnencrypted"), value)
