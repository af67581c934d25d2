# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the compute provider: one function per refusal, worded as the service words it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from ..core import errors as core_errors
from ..core.authorization import Principal
from ..core.errors import AzureError
from ..core.resource_id import ResourceId
from ..core.store import Resource

not_rehearsed = core_errors.not_rehearsed


def invalid_parameter(message: str, target: str) -> AzureError:
    """400 InvalidParameter, found while the request is read (recorded: test_vm_install_patches)."""
    return AzureError(400, "InvalidParameter", message, target=target)


def missing_parameter(name: str) -> AzureError:
    """400 for a parameter that must be given."""
    return AzureError(400, "InvalidParameter", f"Required parameter '{name}' is missing (null).", target=name)


def property_change_not_allowed(target: str) -> AzureError:
    """409 for a property that can only be given when a VM is created (Azure/azure-quickstart-templates#3712)."""
    return AzureError(409, "PropertyChangeNotAllowed", f"Changing property '{target}' is not allowed.", target=target)


def operation_not_allowed(message: str, *, internal_code: str | None = None) -> AzureError:
    """409 OperationNotAllowed; the messages are those of Microsoft's list of common VM error messages."""
    inner = {"internalErrorCode": internal_code} if internal_code else None
    return AzureError(409, "OperationNotAllowed", message, inner=inner)


def too_many_requests(bucket: str, allowed: int, now: datetime, wait: int) -> AzureError:
    """429 when a bucket is empty (Microsoft's page on throttling errors; what the detail counts is for people)."""
    told = {
        "operationGroup": bucket,
        "startTime": (now - timedelta(minutes=1)).isoformat(),
        "endTime": now.isoformat(),
        "allowedRequestCount": allowed,
        "measuredRequestCount": allowed + 1,
    }
    return AzureError(
        429,
        "OperationNotAllowed",
        "The server rejected the request because too many requests have been received for this subscription.",
        details=[{"code": "TooManyRequests", "target": bucket, "message": json.dumps(told)}],
        inner={"internalErrorCode": "TooManyRequestsReceived"},
        headers={"Retry-After": str(wait)},
    )


def vm_must_be_running() -> AzureError:
    """What restart and the one-shot Run Command answer on a VM that is off."""
    return operation_not_allowed("The operation requires the VM to be running (or set to run).")


def vm_is_deallocated(operation: str, vm_name: str) -> AzureError:
    """What powerOff and redeploy answer on a VM that has no hardware."""
    return operation_not_allowed(
        f"Operation '{operation}' is not allowed on VM '{vm_name}' "
        "since the VM is either deallocated or marked to be deallocated."
    )


def vm_is_generalized(operation: str, vm_name: str) -> AzureError:
    """What whatever would start it answers on a generalized VM."""
    return operation_not_allowed(
        f"Operation '{operation}' is not allowed on VM '{vm_name}' since the VM is generalized."
    )


def must_be_off(vm_name: str) -> AzureError:
    """What generalize answers on a VM that is on (wording unverified)."""
    return operation_not_allowed(f"Operation 'generalize' is not allowed on VM '{vm_name}' since the VM is running.")


def vm_is_being_deleted(operation: str, vm_name: str) -> AzureError:
    """What every write answers on a VM whose deletion has begun."""
    return operation_not_allowed(
        f"Operation '{operation}' is not allowed on VM '{vm_name}' since the VM is marked for deletion. "
        "You can only retry the Delete operation (or wait for an ongoing one to complete)."
    )


def extensions_need_a_running_vm() -> AzureError:
    """What extension and run command writes answer on a VM that is off (Microsoft: reset-rdp, error messages)."""
    return operation_not_allowed(
        "Cannot modify extensions in the VM when the VM is not running.",
        internal_code="CannotModifyExtensionsWhenVMNotRunning",
    )


def extension_operations_disallowed() -> AzureError:
    """What extension and run command writes answer when osProfile.allowExtensionOperations is false."""
    return operation_not_allowed(
        "This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM Agent "
        "is installed on the VM and the osProfile.allowExtensionOperations property is true."
    )


def agent_silent(vm_name: str) -> AzureError:
    """The failure of an operation that waited for the guest agent in vain; Azure waits about 25 minutes."""
    return AzureError(
        409,
        "VMAgentStatusCommunicationError",
        f"VM '{vm_name}' has not reported status for VM agent or extensions. Please verify the VM has a running VM "
        "agent, and can establish outbound connections to Azure storage.",
    )


def preempted() -> AzureError:
    """The failure of an operation whose resource was deleted or written again (unverified for run commands)."""
    return AzureError(409, "OperationPreempted", "Operation execution has been preempted by a more recent operation.")


def entity_not_found() -> AzureError:
    """What an unknown run command id answers (Microsoft: run-command, troubleshooting)."""
    return AzureError(404, "NotFound", "The entity was not found in this Azure location.")


def extension_is_being_deleted(operation: str, name: str) -> AzureError:
    """What a write of an extension or run command answers while its deletion is under way."""
    return operation_not_allowed(
        f"Operation '{operation}' is not allowed on VM extension '{name}' since it is marked for deletion. "
        "You can only retry the Delete operation (or wait for an ongoing one to complete)."
    )


def second_instance_of_handler(installed: str, handler: str, os_type: str) -> AzureError:
    """What a second extension of the same handler answers (Azure/azure-quickstart-templates#4493)."""
    return AzureError(
        400,
        "BadRequest",
        f"Multiple VMExtensions per handler not supported for OS type '{os_type}'. VMExtension '{installed}' with "
        f"handler '{handler}' already added or specified in input.",
        inner={"internalErrorCode": "MultipleExtensionsPerHandlerNotAllowed"},
    )


def no_such_handler_version(version: str, publisher: str, type_: str) -> AzureError:
    """What an extension with an unknown typeHandlerVersion answers (MicrosoftDocs/SupportArticles-docs#713)."""
    return AzureError(
        404,
        "ArtifactVersionNotFound",
        f"No version found in the artifact repository that satisfies the requested version '{version}' for VM "
        f"extension with publisher '{publisher}' and type '{type_}'.",
    )


def handler_failed(name: str, publisher: str, type_: str, reason: str) -> AzureError:
    """How an operation ends whose extension handler reported ``reason`` (Microsoft: VMAccess, error messages)."""
    return AzureError(
        409,
        "VMExtensionProvisioningError",
        f"VM has reported a failure when processing extension '{name}' (publisher '{publisher}' and type '{type_}'). "
        f"Error message: '{reason}'. More information on troubleshooting is available at "
        "https://aka.ms/vmextensionwindowstroubleshoot.",
    )


def handler_timed_out(name: str) -> AzureError:
    """How an operation ends whose extension handler never reported (Microsoft: VMAccess, error messages)."""
    return AzureError(
        409,
        "VMExtensionProvisioningTimeout",
        f"Provisioning of VM extension {name} has timed out. Extension provisioning has taken too long to complete. "
        "The extension did not report a message.",
    )


def run_command_busy() -> AzureError:
    """What a second v1 run command answers while one is running (Azure/azure-cli#32305)."""
    return AzureError(
        409,
        "Conflict",
        "Run command extension execution is in progress. Please wait for completion before invoking a run command.",
    )


def location_required() -> AzureError:
    """What Resource Manager answers when a new tracked resource names no region."""
    return AzureError(400, "LocationRequired", "The location property is required for this definition.", gateway=True)


def wrong_location(vm: Resource, location: str) -> AzureError:
    """What Resource Manager answers to a PUT that names another region than the resource's."""
    return AzureError(
        409,
        "InvalidResourceLocation",
        f"The resource '{vm.id.name}' already exists in location '{vm.location}' in resource group '{vm.id.group}'. "
        f"A resource with the same name cannot be created in location '{location}'. "
        "Please select a new resource name.",
        gateway=True,
    )


def linked_authorization_failed(principal: Principal, vm: ResourceId, vault: ResourceId) -> AzureError:
    """403 of Resource Manager for a caller who may write the VM but not deploy from a vault it refers to."""
    return AzureError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{principal.client_id}' with object id '{principal.object_id}' has permission to perform action "
        f"'Microsoft.Compute/virtualMachines/write' on scope '{vm}'; however, it does not have permission to perform "
        f"action(s) 'Microsoft.KeyVault/vaults/deploy/action' on the linked scope(s) '{vault}' (respectively) or the "
        "linked scope(s) are invalid.",
        gateway=True,
    )
