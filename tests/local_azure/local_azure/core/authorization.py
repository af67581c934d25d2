# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: principals, role definitions, role assignments."""

from __future__ import annotations

import fnmatch
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from . import errors
from .clock import Clock
from .roles import BUILT_IN, Role

#: Who gave the roles that were there from the start: the object id of somebody who is not in the directory any more.
FIRST_AUTHOR = "4a6f1d3c-7b52-4e0a-9f8e-2c1d5b7a9e60"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A service principal. `name` is its name in the scenario, `client_id` the application id."""

    name: str
    client_id: str
    object_id: str


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A role given to a principal at a scope; it counts from `effective` on (rights take a while to spread).

    `author` is the object id of who gave it, and `description` what they wrote to it.
    """

    id: str
    principal_id: str
    role: Role
    scope: str
    created: datetime
    effective: datetime
    principal_type: str = "ServicePrincipal"
    author: str = FIRST_AUTHOR
    description: str | None = None


@dataclass(kw_only=True)
class Authorization:
    """All principals and assignments. `propagation` delays assignments made through Resource Manager."""

    clock: Clock
    propagation: timedelta = timedelta()
    principals: dict[str, Principal] = field(default_factory=dict)
    assignments: dict[str, Assignment] = field(default_factory=dict)

    def add_principal(self, principal: Principal) -> None:
        self.principals[principal.client_id.lower()] = principal

    def principal_named(self, name: str) -> Principal | None:
        return next((one for one in self.principals.values() if one.name == name), None)

    def grant(
        self,
        principal_id: str,
        role: Role,
        scope: str,
        *,
        delay: timedelta = timedelta(),
        id: str | None = None,
        principal_type: str = "ServicePrincipal",
        author: str = FIRST_AUTHOR,
        description: str | None = None,
    ) -> Assignment:
        """Assign `role` at `scope` (an ARM id; "/" for the tenant) to the object id `principal_id`."""
        now = self.clock.now()
        scope = "/" + scope.strip("/")
        assignment = Assignment(
            id=id or str(uuid.uuid4()),
            principal_id=principal_id,
            role=role,
            scope=scope,
            created=now,
            effective=now + delay,
            principal_type=principal_type,
            author=author,
            description=description,
        )
        self.assignments[assignment.id.lower()] = assignment
        return assignment

    def revoke(self, id: str) -> Assignment | None:
        return self.assignments.pop(id.lower(), None)

    def allows(self, principal: Principal, action: str, scope: str) -> bool:
        """Whether a role at `scope` or above has `action` (Resource Manager)."""
        return any(
            _matches(role.actions, action) and not _matches(role.not_actions, action)
            for role in self.roles(principal, scope)
        )

    def allows_data(self, principal: Principal, action: str, scope: str) -> bool:
        """Whether a role at `scope` or above has the data action (such as reading a secret)."""
        return any(
            _matches(role.data_actions, action) and not _matches(role.not_data_actions, action)
            for role in self.roles(principal, scope)
        )

    def require(self, principal: Principal, action: str, scope: str) -> None:
        """Raise 403 AuthorizationFailed unless `action` is allowed."""
        if not self.allows(principal, action, scope):
            raise errors.authorization_failed(principal.client_id, principal.object_id, action, scope)

    def has_any(self, principal: Principal, scope: str) -> bool:
        """Whether the principal has a role at, above or below `scope`: then the subscription is listed for it."""
        return any(
            one.principal_id == principal.object_id
            and one.effective <= self.clock.now()
            and (encloses(one.scope, scope) or encloses(scope, one.scope))
            for one in self.assignments.values()
        )

    def roles(self, principal: Principal, scope: str) -> list[Role]:
        """The roles that count now for the principal at `scope`: assigned there or above."""
        now = self.clock.now()
        return [
            one.role
            for one in self.assignments.values()
            if one.principal_id == principal.object_id and one.effective <= now and encloses(one.scope, scope)
        ]


def role_named(name: str) -> Role | None:
    """A built-in role by its name or id, without regard to case."""
    wanted = name.lower()
    return next((role for role in BUILT_IN if wanted in (role.name.lower(), role.id.lower())), None)


def encloses(outer: str, inner: str) -> bool:
    """Whether the scope `inner` is `outer` or in it."""
    outer, inner = outer.rstrip("/").lower(), inner.rstrip("/").lower()
    return inner == outer or inner.startswith(outer + "/")


@lru_cache(maxsize=4096)
def _matches(patterns: tuple[str, ...], action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
