# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading, changing and deleting virtual machines."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping

from ..core.call import Answer, Call
from ..core.errors import AzureError
from ..core.operations import Style
from ..core.regions import region
from ..core.store import Resource
from ..core.wire import Json
from . import changes, errors, etag
from .documents import EXTENSIONS, expansions, virtual_machine
from .instance_view import instance_view
from .merge import merge
from .provider import VIRTUAL_MACHINES, check_writable, network_interfaces, secrets_of
from .secrets import linked_vaults, parse
from .state import state_of

#: Seconds an update of a VM takes: 7 for a PUT of secrets (test_vm_secret_e2e_test), 8 for test_resource_patch.
_UPDATE_SECONDS = 7.0
_DELETE_SECONDS = 40.0

#: The first api-version whose specification has it.
_TIME_CREATED_SINCE = "2021-11-01"

_READ_ONLY = ("provisioningState", "vmId", "timeCreated", "instanceView", "resources")


def get(call: Call) -> Answer:
    """``GET virtualMachines/{vm}``, with ``$expand=instanceView`` and ``userData``."""
    vm = call.azure.store.require(call.id)
    expand = expansions(call.query.get("$expand"), "instanceView", "userData")
    headers = call.azure.compute.allowances.headers("LowCostGet", vm.id)
    if not expand and _shows_etag(call):
        # The body always has the etag, the header only without $expand (counted over 740 recorded GETs).
        headers["ETag"] = vm.etag
    return Answer(status=200, body=_document(call, vm, expand), headers=headers)


def get_instance_view(call: Call) -> Answer:
    """``GET virtualMachines/{vm}/instanceView``: the bare view."""
    vm = call.azure.store.require(call.id)
    extensions = call.azure.store.list(EXTENSIONS, under=vm.id)
    return Answer(
        status=200,
        body=instance_view(vm, extensions, now=call.azure.clock.now()),
        headers=call.azure.compute.allowances.headers("LowCostGet", vm.id),
    )


def list_all(call: Call) -> Answer:
    """``GET virtualMachines`` of a resource group or of the subscription, with ``$expand=instanceView``."""
    expand = expansions(call.query.get("$expand"), "instanceView")
    if call.query.get("statusonly", "false").lower() == "true":
        raise errors.not_rehearsed("listing virtual machines with statusOnly=true; use $expand=instanceView")
    found = call.azure.store.list(VIRTUAL_MACHINES, subscription=call.id.subscription, group=call.id.group)
    # Resource Manager knows by itself that a group has none, and doesn't ask Compute (recorded).
    asked = found or call.id.group is None
    headers = call.azure.compute.allowances.headers("HighCostGet", call.id) if asked else {}
    return Answer(status=200, body={"value": [_document(call, vm, expand) for vm in found]}, headers=headers)


def put(call: Call) -> Answer:
    """``PUT virtualMachines/{vm}``: an update with the whole body, as ``az vm secret add`` sends it.

    What the body leaves out of ``properties`` stays as it is; tags are replaced.
    """
    if not call.body.get("location"):
        raise errors.location_required()
    vm = call.azure.store.get(call.id)
    etag.check(call.headers, vm.etag if vm is not None else None)
    if vm is None:
        raise errors.not_rehearsed(f"creating virtual machine '{call.id.name}'; its VMs are made by scenarios")
    if region(call.body["location"]) != region(vm.location):
        raise errors.wrong_location(vm, str(call.body["location"]))
    return _update(call, vm, tags=call.body.get("tags"), kind="PutVM")


def patch(call: Call) -> Answer:
    """``PATCH virtualMachines/{vm}``: only what the body names is changed; lists are replaced as a whole."""
    vm = call.azure.store.require(call.id)
    etag.check(call.headers, vm.etag)
    return _update(call, vm, tags=call.body.get("tags", vm.tags), kind="UpdateVM")


def delete(call: Call) -> Answer:
    """``DELETE virtualMachines/{vm}``: the VM with its extensions and run commands; disks and NICs stay."""
    azure = call.azure
    vm = azure.store.get(call.id)
    if vm is None:
        return Answer(status=204)
    etag.check(call.headers, vm.etag)
    state_of(vm).being_deleted = True
    azure.compute.set_power(vm, "stopping")
    azure.compute.set_provisioning(vm, "Deleting")

    def finish() -> None:
        if azure.store.get(vm.id) is vm:
            for interface in network_interfaces(vm):
                azure.network.associate(interface, None)
            azure.store.delete(vm.id)

    operation = azure.operations.start(call, style=Style.COMPUTE_DELETE, seconds=_DELETE_SECONDS, finish=finish)
    return operation.answer(202, headers=azure.compute.allowances.headers("DeleteVM", vm.id))


def _update(call: Call, vm: Resource, *, tags: object, kind: str) -> Answer:
    properties = call.body.get("properties") or {}
    if not isinstance(properties, Mapping):
        raise errors.invalid_parameter("The value of parameter properties is invalid.", "properties")
    if tags is not None and not isinstance(tags, Mapping):
        raise errors.invalid_parameter("The value of parameter tags is invalid.", "tags")
    check_writable(vm, "Update")
    os_profile = changes.lookup(properties, "osprofile")
    secrets = changes.lookup(os_profile, "secrets") if isinstance(os_profile, Mapping) else None
    _check_deploy_rights(call, vm, secrets)
    changes.check(vm, properties)
    if secrets is not None:
        _check_secrets(vm, secrets)
    compute = call.azure.compute
    only_tags = vm.properties["provisioningState"] == "Succeeded" and not _changes(call, vm, properties)
    _apply(call, vm, properties)
    vm.tags = dict(tags) if tags is not None else None
    compute.count_change(vm)
    if only_tags:
        return _done_at_once(call, vm, kind)
    compute.set_provisioning(vm, "Updating")
    wanted = copy.deepcopy(secrets_of(vm))

    def finish() -> None:
        compute.still_there(vm)
        compute.install(vm, compute.fetch_certificates(vm, wanted))
        state_of(vm).applied_secrets = wanted
        compute.settle(vm)

    def undo(failure: AzureError) -> None:
        # Azure goes back to the model of the last update that went well (unverified); a later update's stays.
        if "osProfile" in vm.properties and secrets_of(vm) == wanted:
            vm.properties["osProfile"]["secrets"] = copy.deepcopy(state_of(vm).applied_secrets)
        compute.count_change(vm)
        compute.set_provisioning(vm, "Failed", failure)

    operation = call.azure.operations.start(
        call, style=Style.COMPUTE_PUT, seconds=_UPDATE_SECONDS, finish=finish, on_failure=undo
    )
    headers = compute.allowances.headers(kind, vm.id)
    if _shows_etag(call):
        headers["ETag"] = vm.etag
    return operation.answer(200, _document(call, vm, frozenset()), headers)


def _changes(call: Call, vm: Resource, properties: Mapping[str, object]) -> bool:
    """Whether a write gives the VM itself something to do: changes more than tags."""
    given = {name: value for name, value in properties.items() if name not in _READ_ONLY}
    current = {**vm.properties, "userData": state_of(vm).user_data}
    return changes.differs(current, given) or changes.differs(vm.envelope.get("identity"), call.body.get("identity"))


def _done_at_once(call: Call, vm: Resource, kind: str) -> Answer:
    """What a write that changes nothing but tags answers: Updating, with no operation to follow (recorded)."""
    headers = call.azure.compute.allowances.headers(kind, vm.id)
    if _shows_etag(call):
        headers["ETag"] = vm.etag
    document = _document(call, vm, frozenset())
    document["properties"]["provisioningState"] = "Updating"
    call.azure.store.touch(vm)
    return Answer(status=200, body=document, headers=headers)


def _check_deploy_rights(call: Call, vm: Resource, secrets: object) -> None:
    """Resource Manager's linked access check: whoever refers to a vault needs the right to deploy from it."""
    for vault in linked_vaults(secrets):
        if not call.azure.authorization.allows(call.principal, "Microsoft.KeyVault/vaults/deploy/action", str(vault)):
            raise errors.linked_authorization_failed(call.principal, vm.id, vault)


def _check_secrets(vm: Resource, secrets: object) -> None:
    if parse(vm, secrets) and not _has_agent(vm):
        raise errors.invalid_parameter(
            "Certificates cannot be added to your VM if the VM agent is not provisioned.", "osProfile.secrets"
        )


def _has_agent(vm: Resource) -> bool:
    os_profile = vm.properties["osProfile"]
    configuration = os_profile.get("windowsConfiguration") or os_profile.get("linuxConfiguration") or {}
    return bool(configuration.get("provisionVMAgent", True))


def _apply(call: Call, vm: Resource, properties: Mapping[str, object]) -> None:
    change = {name: copy.deepcopy(value) for name, value in properties.items() if name not in _READ_ONLY}
    user_data = change.pop("userData", None)
    if user_data is not None:
        state_of(vm).user_data = str(user_data) or None
    vm.properties = merge(vm.properties, change)
    if not (vm.properties.get("applicationProfile") or {}).get("galleryApplications"):
        vm.properties.pop("applicationProfile", None)  # recorded
    if "osProfile" in vm.properties:
        changes.flags(vm.properties["osProfile"])
    identity = call.body.get("identity")
    if isinstance(identity, Mapping):
        _set_identity(call, vm, str(identity.get("type", "None")))


def _set_identity(call: Call, vm: Resource, kind: str) -> None:
    """Managed identity: none, or the system-assigned one with ids that stay the same for a VM."""
    if kind.lower() == "none":
        vm.envelope.pop("identity", None)
    elif kind.lower() == "systemassigned":
        vm.envelope["identity"] = {
            "type": "SystemAssigned",
            "principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{vm.id.key}#identity")),
            "tenantId": call.azure.settings.tenant_id,
        }
    else:
        raise errors.not_rehearsed("user-assigned managed identities")


def _document(call: Call, vm: Resource, expand: frozenset[str]) -> Json:
    document = virtual_machine(vm, call.azure.store, now=call.azure.clock.now(), expand=expand)
    if not _shows_etag(call):
        del document["etag"]
    if call.api_version < _TIME_CREATED_SINCE:
        del document["properties"]["timeCreated"]
    return document


def _shows_etag(call: Call) -> bool:
    """Older api-versions know no entity tags of virtual machines (recorded: none before July 2024)."""
    return call.api_version[:10] >= "2024-07-01"
