# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMAccess extension of a VM: find it whatever its name, write it, wait for its end, remove it."""

from __future__ import annotations

import typing as t

from .._domain.access_extension import (
    ENTRA_HANDLER,
    ENTRA_PUBLISHER,
    HANDLER,
    PUBLISHER,
    AccessExtension,
    InstalledExtensions,
)
from .._domain.errors import NotFound
from .errors import translated
from .libraries import needs
from .polling import awaited, finished, unless_busy

if t.TYPE_CHECKING:
    from azure.core.polling import LROPoller
    from azure.mgmt.compute import models

    from .._domain.access_extension import WantedReset
    from .._domain.deadline import Deadline
    from .._domain.virtual_machine import VirtualMachine
    from .clients import AzureClients

    Poller = LROPoller[models.VirtualMachineExtension]


def find(azure: AzureClients, vm: VirtualMachine) -> InstalledExtensions:
    """What of the VM's extensions matters here, in one request."""
    listed = _all(azure, vm)
    return InstalledExtensions(
        access=next((_extension(each) for each in listed if _has_handler(each, PUBLISHER, HANDLER)), None),
        entra_login=any(_has_handler(each, ENTRA_PUBLISHER, ENTRA_HANDLER) for each in listed),
    )


def settled(azure: AzureClients, vm: VirtualMachine, *, deadline: Deadline) -> InstalledExtensions:
    """As :func:`find`, once no write or removal of VMAccess is under way. Raises :class:`TimedOut`."""
    return awaited(
        find(azure, vm),
        lambda: find(azure, vm),
        over=lambda found: found.access is None or found.access.settled,
        seen=lambda found: f"extension {found.access.name} {found.access.state}" if found.access else "no extension",
        waiting_for=f"the reset of the {vm} that is under way",
        deadline=deadline,
        pause=azure.poll_interval,
    )


def read(azure: AzureClients, vm: VirtualMachine, name: str) -> AccessExtension | None:
    """The extension with its instance view; None when somebody removed it."""
    try:
        return _extension(_read(azure, vm, name))
    except NotFound:
        return None


def begin(azure: AzureClients, vm: VirtualMachine, wanted: WantedReset, *, deadline: Deadline) -> Poller:
    """Have Azure accept the reset. What is raised here was refused, or never heard of."""
    waiting_for = f"the {vm} to take an extension"
    return unless_busy(lambda: _put(azure, vm, wanted), deadline=deadline, waiting_for=waiting_for)


@translated("reset the access to the {vm}")
def finish(vm: VirtualMachine, poller: Poller, *, deadline: Deadline) -> AccessExtension:
    """Wait for the handler's report. What is raised here happened after Azure had accepted the reset."""
    return _extension(finished(poller, deadline=deadline, waiting_for=f"the reset of the access to the {vm}"))


@translated("remove the extension {name} of the {vm}")
def remove(azure: AzureClients, vm: VirtualMachine, name: str, *, deadline: Deadline) -> None:
    poller = azure.compute.virtual_machine_extensions.begin_delete(vm.id.resource_group, vm.name, name)
    finished(poller, deadline=deadline, waiting_for=f"the extension {name} of the {vm} to be removed")


@translated("reset the access to the {vm}")
def _put(azure: AzureClients, vm: VirtualMachine, wanted: WantedReset) -> Poller:
    with needs("azure-mgmt-compute"):
        from azure.mgmt.compute import models
    return azure.compute.virtual_machine_extensions.begin_create_or_update(
        vm.id.resource_group,
        vm.name,
        wanted.name,
        models.VirtualMachineExtension(
            location=vm.location,
            tags=dict(wanted.tags) or None,
            properties=models.VirtualMachineExtensionProperties(
                publisher=PUBLISHER,
                type=HANDLER,
                type_handler_version=wanted.version,
                auto_upgrade_minor_version=True,
                force_update_tag=wanted.tag,
                settings={"UserName": wanted.user} if wanted.user else {},
                # Always there: without it the handler fails (Azure/azure-cli#25512).
                protected_settings={"Password": wanted.password} if wanted.user else {},
            ),
        ),
    )


@translated("list the extensions of the {vm}")
def _all(azure: AzureClients, vm: VirtualMachine) -> list[models.VirtualMachineExtension]:
    listed = azure.compute.virtual_machine_extensions.list(vm.id.resource_group, vm.name, expand="instanceView")
    return list(listed.value or [])


@translated("read the extension {name} of the {vm}")
def _read(azure: AzureClients, vm: VirtualMachine, name: str) -> models.VirtualMachineExtension:
    return azure.compute.virtual_machine_extensions.get(vm.id.resource_group, vm.name, name, expand="instanceView")


def _has_handler(extension: models.VirtualMachineExtension, publisher: str, handler: str) -> bool:
    properties = extension.properties
    found = ((properties.publisher or "").lower(), (properties.type or "").lower()) if properties else None
    return found == (publisher.lower(), handler.lower())


def _extension(found: models.VirtualMachineExtension) -> AccessExtension:
    properties = found.properties
    view = properties.instance_view if properties else None
    statuses = [*(view.statuses or []), *(view.substatuses or [])] if view else []
    return AccessExtension(
        name=found.name or "",
        state=(properties.provisioning_state if properties else None) or "",
        version=(properties.type_handler_version if properties else None) or "",
        tag=properties.force_update_tag if properties else None,
        installed=(view.type_handler_version if view else None) or "",
        messages=tuple(status.message for status in statuses if status.message),
        tags=tuple(sorted((found.tags or {}).items())),
    )
