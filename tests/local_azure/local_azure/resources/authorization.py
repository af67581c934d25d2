# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Authorization at any scope: role assignments, role definitions, the caller's permissions."""

from __future__ import annotations

import uuid

from ..core import filters
from ..core.arm import Arm
from ..core.authorization import Assignment, role_named
from ..core.call import Answer, Call
from ..core.errors import AzureError, not_rehearsed
from ..core.resource_id import ResourceId
from ..core.roles import BUILT_IN, Role
from ..core.wire import Json

_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
_DEFINITIONS = "Microsoft.Authorization/roleDefinitions"


def register(arm: Arm) -> None:
    arm.route("GET", _ASSIGNMENTS, _list, scope="extension", action=_ASSIGNMENTS + "/read")
    arm.route("GET", _ASSIGNMENTS + "/{assignment}", _get, scope="extension", action=_ASSIGNMENTS + "/read")
    arm.route("PUT", _ASSIGNMENTS + "/{assignment}", _put, scope="extension", action=_ASSIGNMENTS + "/write")
    arm.route("DELETE", _ASSIGNMENTS + "/{assignment}", _delete, scope="extension", action=_ASSIGNMENTS + "/delete")
    arm.route("GET", _DEFINITIONS, _definitions, scope="extension", action=_DEFINITIONS + "/read")
    arm.route("GET", _DEFINITIONS + "/{definition}", _definition, scope="extension", action=_DEFINITIONS + "/read")
    arm.route("GET", "Microsoft.Authorization/permissions", _permissions, scope="extension")


def _definition_id(call: Call, role: Role) -> str:
    return f"/subscriptions/{call.azure.settings.subscription_id}/providers/{_DEFINITIONS}/{role.id}"


def _assignment_document(call: Call, assignment: Assignment) -> Json:
    created = assignment.created.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "properties": {
            "roleDefinitionId": _definition_id(call, assignment.role),
            "principalId": assignment.principal_id,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": created,
            "updatedOn": created,
            "createdBy": None if call.method == "PUT" else assignment.author,
            "updatedBy": assignment.author,
            "delegatedManagedIdentityResourceId": None,
            "description": assignment.description,
        },
        "id": f"{assignment.scope.rstrip('/')}/providers/{_ASSIGNMENTS}/{assignment.id}",
        "type": _ASSIGNMENTS,
        "name": assignment.id,
    }


def _scope(call: Call) -> str:
    """The scope in canonical casing where it is an id, else as given."""
    text = call.params["scope"]
    try:
        id = ResourceId.parse(text)
    except ValueError:
        return text
    store = call.azure.store
    id = ResourceId(call.azure.canonical_subscription(id.subscription), id.group, id.namespace, id.types, id.names)
    if id.group is not None:
        resource = store.get(id)
        return str((resource or store.require(id)).id)
    return str(id)


def _list(call: Call) -> Answer:
    """At, above and below the scope; `atScope()` leaves out what is below."""
    scope = _scope(call).rstrip("/").lower()
    asked = filters.parse(call.query.get("$filter"), {"principalid", "assignedto()", "atscope()"})
    principal = asked.get("principalid", asked.get("assignedto()"))
    value = []
    for one in call.azure.authorization.assignments.values():
        mine = one.scope.rstrip("/").lower()
        above = scope == mine or scope.startswith(mine + "/")
        below = mine.startswith(scope + "/") and "atscope()" not in asked
        if (above or below) and (principal is None or one.principal_id.lower() == principal.lower()):
            value.append(_assignment_document(call, one))
    return Answer(status=200, body={"value": value})


def _find(call: Call) -> Assignment | None:
    found = call.azure.authorization.assignments.get(call.params["assignment"].lower())
    return found if found is not None and found.scope.lower() == _scope(call).lower() else None


def _get(call: Call) -> Answer:
    found = _find(call)
    if found is None:
        name = call.params["assignment"]
        raise AzureError(404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found.")
    return Answer(status=200, body=_assignment_document(call, found))


def _put(call: Call) -> Answer:
    authorization = call.azure.authorization
    name = call.params["assignment"]
    if not _is_guid(name):
        raise AzureError(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
        )
    properties = call.body.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("principalId"), str):
        raise AzureError(
            400, "InvalidCreateRoleAssignmentRequest", "The request to create role assignment is not valid."
        )
    definition = str(properties.get("roleDefinitionId", "")).rpartition("/")[2]
    role = role_named(definition) if _is_guid(definition) else None
    if role is None:
        raise AzureError(
            400, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{definition}' does not exist."
        )
    if properties.get("condition"):
        raise not_rehearsed("conditions of role assignments")
    principal_id = properties["principalId"]
    if principal_id not in _directory(call):
        raise AzureError(
            400,
            "PrincipalNotFound",
            f"Principal {principal_id.replace('-', '')} does not exist in the directory "
            f"{call.azure.settings.tenant_id}.",
        )
    scope = _scope(call)
    for one in authorization.assignments.values():
        if (one.principal_id, one.role.id, one.scope.lower()) == (principal_id, role.id, scope.lower()):
            same = one.id.lower() == name.lower()
            raise AzureError(
                409,
                "RoleAssignmentExists",
                "The role assignment already exists."
                + ("" if same else f" The ID of the existing role assignment is {one.id.replace('-', '')}."),
            )
    if name.lower() in authorization.assignments:
        raise AzureError(
            400,
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        )
    made = authorization.grant(
        principal_id,
        role,
        scope,
        delay=authorization.propagation,
        id=name,
        principal_type=str(properties.get("principalType") or "ServicePrincipal"),
        author=call.principal.object_id,
        description=properties.get("description"),
    )
    return Answer(status=201, body=_assignment_document(call, made))


def _directory(call: Call) -> set[str]:
    """Whom roles can be given to: service principals and the managed identities of resources."""
    identities = (one.envelope.get("identity") or {} for one in call.azure.store.all())
    return {
        *(one.object_id for one in call.azure.authorization.principals.values()),
        *(str(one["principalId"]) for one in identities if "principalId" in one),
    }


def _delete(call: Call) -> Answer:
    found = _find(call)
    if found is None:
        return Answer(status=204)
    call.azure.authorization.revoke(found.id)
    return Answer(status=200, body=_assignment_document(call, found))


def _role_document(call: Call, role: Role) -> Json:
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": "",
            "assignableScopes": ["/"],
            "permissions": [_permission(role)],
        },
        "id": _definition_id(call, role),
        "type": _DEFINITIONS,
        "name": role.id,
    }


def _permission(role: Role) -> Json:
    return {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": list(role.data_actions),
        "notDataActions": list(role.not_data_actions),
    }


def _definitions(call: Call) -> Answer:
    wanted = filters.parse(call.query.get("$filter"), {"rolename", "atscope()"}).get("rolename")
    roles = [role for role in BUILT_IN if wanted is None or role.name.lower() == wanted.lower()]
    return Answer(status=200, body={"value": [_role_document(call, role) for role in roles]})


def _definition(call: Call) -> Answer:
    name = call.params["definition"]
    role = role_named(name) if _is_guid(name) else None
    if role is None:
        raise AzureError(
            404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{name}' does not exist."
        )
    return Answer(status=200, body=_role_document(call, role))


def _permissions(call: Call) -> Answer:
    """What the caller may do at the scope, one entry per role."""
    roles = call.azure.authorization.roles(call.principal, _scope(call))
    return Answer(status=200, body={"value": [_permission(role) for role in roles]})


def _is_guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
