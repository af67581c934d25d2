# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines from the ``compute:`` section of a scenario.

Only ``name`` and ``network_interfaces`` are needed::

    compute:
      virtual_machines:
        - name: win1
          network_interfaces: [win1-nic]  # names in the VM's resource group, or ids; the first is the primary one

What may be added, with its default::

          resource_group: access-demo     # the scenario's only group
          location: westeurope            # the group's
          image: windows-server-2022      # see images.py, ubuntu-22.04 and ubuntu-24.04 are Linux; or an Image's fields
          size: Standard_D2s_v5
          tags: {}                        # null: none, as clients leave it that never say any
          power: running                  # stopped, deallocated
          provisioning_state: Succeeded   # Failed
          os_profile: true                # false: made from a specialised disk, without osProfile
          computer_name: win1             # the VM's name, cut to 15 characters for Windows
          admin_username: azureuser       # the account of LOCAL_AZURE_VM_USER; the password is always that one's
          allow_extension_operations: true
          provision_vm_agent: true
          agent: ready                    # starting, unresponsive
          agent_seconds: 60               # how long an agent that is starting needs (real Azure's seconds)
          boot_diagnostics: true
          run_command_seconds: 10         # how long a script takes inside (real Azure's seconds)
          extensions: []                  # {name, publisher, type, version, settings, provisioning_state, error}
          identity: {}                    # as on the wire; so are zones
          properties: {}                  # as on the wire, in place of what the words above make; null takes one away
          guest: {}                       # what Windows was set to, see below

``guest`` takes: ``rdp_enabled`` (true), ``rdp_port`` (3389), ``rdp_service_running`` (true), ``rdp_firewall_rule``
(true: Windows Firewall lets Remote Desktop in), ``open_ports`` (TCP ports that it lets in besides),
``network_level_authentication`` (true), ``rdp_security_layer`` (negotiate; tls, rdp), ``rdp_trouble`` (none; hangs:
connections open and get no answer; drops: they are closed; no_certificate: the bound one is gone; unreadable_key: the
key of the bound one can't be used), ``rdp_policy`` (what a group policy fixes: certificate, enabled,
network_level_authentication, security_layer), ``users`` (more local accounts: name, password, enabled, admin,
trouble - none; locked_out, expired, password_expired, must_change),
``minimum_password_length`` (8), ``domain_controller`` (false), and ``vm_access`` (works; hangs: the VMAccess extension
never reports; agent_dies: the agent falls silent when it is given one).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..core.errors import AzureError
from ..core.resource_id import GROUP_TYPE, ResourceId
from ..core.store import Resource
from ..core.wire import Json
from ..guest.firewall import FirewallRule
from ..guest.machine import Agent, LocalUser, Machine, VmAccess
from ..guest.rdp.state import SECURITY_LAYERS, SecurityLayer
from ..guest.rdp.troubles import RdpTrouble, bring_about
from ..guest.vm_access import RDP_RULE
from . import etag
from .images import IMAGES, Image
from .instance_view import platform_time
from .provider import AGENT_SECONDS, VIRTUAL_MACHINES
from .state import Power, VirtualMachineState, attach

if TYPE_CHECKING:
    from ..core.azure import Azure

_POWERS: tuple[Power, ...] = ("running", "stopped", "deallocated")
_AGENTS: tuple[Agent, ...] = ("ready", "starting", "unresponsive")
_RDP_POLICIES = ("certificate", "enabled", "network_level_authentication", "security_layer")
_RDP_TROUBLES: tuple[RdpTrouble, ...] = ("none", "hangs", "drops", "no_certificate", "unreadable_key")
_VM_ACCESS: tuple[VmAccess, ...] = ("works", "hangs", "agent_dies")
_WINDOWS_NAME_LENGTH = 15

#: A group that Azure makes on its own, with the first virtual network of a region.
_WATCHER_GROUP = "networkwatcherrg"

#: How long before now the scenario's VMs were made.
_AGE = timedelta(days=30)


@dataclass(kw_only=True)
class GuestDescription:
    """The ``guest`` of one entry."""

    rdp_enabled: bool = True
    rdp_port: int = 3389
    rdp_service_running: bool = True
    rdp_firewall_rule: bool = True
    open_ports: list[int] = field(default_factory=list)
    network_level_authentication: bool = True
    rdp_security_layer: SecurityLayer = "negotiate"
    rdp_trouble: RdpTrouble = "none"
    rdp_policy: list[str] = field(default_factory=list)
    users: list[Json] = field(default_factory=list)
    minimum_password_length: int = 8
    domain_controller: bool = False
    vm_access: VmAccess = "works"


@dataclass(kw_only=True)
class Description:
    """One entry of the section, with its defaults."""

    name: str
    network_interfaces: list[str]
    resource_group: str | None = None
    location: str | None = None
    image: str | Mapping[str, Any] = "windows-server-2022"
    size: str = "Standard_D2s_v5"
    tags: dict[str, str] | None = field(default_factory=dict)
    power: Power = "running"
    provisioning_state: str = "Succeeded"
    os_profile: bool = True
    computer_name: str | None = None
    admin_username: str | None = None
    allow_extension_operations: bool = True
    provision_vm_agent: bool = True
    agent: Agent = "ready"
    agent_seconds: float = AGENT_SECONDS
    boot_diagnostics: bool = True
    run_command_seconds: float = 10.0
    extensions: list[Json] = field(default_factory=list)
    identity: Json = field(default_factory=dict)
    zones: list[str] = field(default_factory=list)
    properties: Json = field(default_factory=dict)
    guest: GuestDescription = field(default_factory=GuestDescription)

    @classmethod
    def parse(cls, entry: object) -> Description:
        """One entry of the section.

        :raises ValueError: with the VM's name, for an unknown word or value.
        """
        values = dict(entry) if isinstance(entry, Mapping) else {}
        where = f"virtual_machines: {values.get('name', '?')}"
        guest = GuestDescription(**_known(values.pop("guest", None) or {}, GuestDescription, f"{where}: guest"))
        _known(values, cls, where)
        for name in ("name", "network_interfaces"):
            if not values.get(name):
                raise ValueError(f"{where}: {name} is missing")
        description = cls(**values, guest=guest)
        if isinstance(description.image, str):
            _check(description.image, tuple(IMAGES), f"{where}: image")
        _check(description.power, _POWERS, f"{where}: power")
        _check(description.agent, _AGENTS, f"{where}: agent")
        _check(guest.rdp_security_layer, SECURITY_LAYERS, f"{where}: guest: rdp_security_layer")
        for name in guest.rdp_policy:
            _check(name, _RDP_POLICIES, f"{where}: guest: rdp_policy")
        _check(guest.rdp_trouble, _RDP_TROUBLES, f"{where}: guest: rdp_trouble")
        _check(guest.vm_access, _VM_ACCESS, f"{where}: guest: vm_access")
        _check(description.provisioning_state, ("Succeeded", "Failed"), f"{where}: provisioning_state")
        return description


def seed(azure: Azure, section: object) -> None:
    """Make the virtual machines that ``section`` describes; groups and network interfaces exist already.

    :raises ValueError: for a description that can't be understood.
    """
    if not isinstance(section, Mapping) or set(section) - {"virtual_machines"}:
        raise ValueError("compute: a mapping with virtual_machines is needed")
    entries = section.get("virtual_machines") or []
    if not isinstance(entries, list):
        raise TypeError("compute: virtual_machines is not a list")
    for entry in entries:
        _make(azure, Description.parse(entry))


def _make(azure: Azure, wanted: Description) -> None:
    group = _group(azure, wanted)
    image = IMAGES[wanted.image] if isinstance(wanted.image, str) else Image(**wanted.image)
    id = group.id.child(VIRTUAL_MACHINES, wanted.name)
    created = azure.clock.now() - _AGE
    vm = Resource(
        id=id,
        location=wanted.location or group.location,
        tags=dict(wanted.tags) if wanted.tags is not None else None,
        etag=etag.first(),
        properties=_properties(azure, id, wanted, image, created) | wanted.properties,
        envelope={name: value for name in ("identity", "zones") if (value := getattr(wanted, name))},
    )
    vm.properties = {name: value for name, value in vm.properties.items() if value is not None}
    machine = _machine(azure, vm, wanted) if image.os_type == "Windows" else None
    state = VirtualMachineState(
        image=image,
        power=wanted.power,
        created=created,
        provisioned=created,
        machine=machine,
        bare_agent=wanted.agent,
        script_seconds=float(wanted.run_command_seconds),
        agent_after_boot="unresponsive" if wanted.agent == "unresponsive" else "ready",
    )
    if wanted.provisioning_state == "Failed":
        state.failure = AzureError(
            409,
            "VMStartTimedOut",
            f"VM '{wanted.name}' did not start in the allotted time. The VM may still start "
            "successfully. Please check the power state later.",
        )
    if wanted.power == "running" and wanted.agent == "starting":
        state.agent_starts(azure.clock.now() + timedelta(seconds=wanted.agent_seconds * azure.settings.pace))
    attach(vm, state)
    azure.compute.own(vm)
    if wanted.power == "deallocated":
        azure.compute.set_allocated(vm, False)
    for extension in wanted.extensions:
        azure.store.put(_extension(vm, extension))


def _group(azure: Azure, wanted: Description) -> Resource:
    groups = azure.store.list(GROUP_TYPE, subscription=azure.settings.subscription_id)
    if wanted.resource_group is not None:
        groups = [one for one in groups if one.id.name.lower() == wanted.resource_group.lower()]
    else:
        groups = [one for one in groups if one.id.name.lower() != _WATCHER_GROUP]
    if len(groups) != 1:
        raise ValueError(f"virtual_machines: {wanted.name}: resource_group must name one of the scenario's groups")
    return groups[0]


def _properties(azure: Azure, id: ResourceId, wanted: Description, image: Image, created: datetime) -> Json:
    unique = uuid.uuid5(uuid.NAMESPACE_URL, id.key)
    disk = f"{wanted.name}_OsDisk_1_{unique.hex}"
    specialised = not wanted.os_profile
    storage: Json = {
        "osDisk": {
            "osType": image.os_type,
            "name": disk,
            "createOption": "Attach" if specialised else "FromImage",
            "caching": "ReadWrite",
            "managedDisk": {
                "storageAccountType": "Premium_LRS",
                "id": str(ResourceId(id.subscription, id.group).child("Microsoft.Compute/disks", disk)),
            },
            "deleteOption": "Detach",
            "diskSizeGB": image.disk_gib,
        },
        "dataDisks": [],
        "diskControllerType": "SCSI",
    }
    if not specialised:
        reference = {"publisher": image.publisher, "offer": image.offer, "sku": image.sku}
        storage = {
            "imageReference": {**reference, "version": "latest", "exactVersion": image.exact_version},
            **storage,
        }
    properties: Json = {
        "hardwareProfile": {"vmSize": wanted.size},
        "provisioningState": wanted.provisioning_state,
        "vmId": str(unique),
        "storageProfile": storage,
    }
    if not specialised:
        properties["osProfile"] = _os_profile(azure, wanted, image)
    properties["securityProfile"] = {
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        "securityType": "TrustedLaunch",
    }
    properties["networkProfile"] = {"networkInterfaces": _interfaces(id, wanted)}
    if wanted.boot_diagnostics:
        properties["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": True}}
    properties["timeCreated"] = platform_time(created)
    return properties


def _os_profile(azure: Azure, wanted: Description, image: Image) -> Json:
    profile: Json = {
        "computerName": _computer_name(wanted),
        "adminUsername": wanted.admin_username or azure.settings.vm_user,
    }
    if image.os_type == "Windows":
        profile["windowsConfiguration"] = {
            "provisionVMAgent": wanted.provision_vm_agent,
            "enableAutomaticUpdates": True,
            "patchSettings": {"patchMode": "AutomaticByOS", "assessmentMode": "ImageDefault"},
        }
    else:
        profile["linuxConfiguration"] = {
            "disablePasswordAuthentication": False,
            "provisionVMAgent": wanted.provision_vm_agent,
            "patchSettings": {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"},
        }
    profile["secrets"] = []
    profile["allowExtensionOperations"] = wanted.allow_extension_operations
    profile["requireGuestProvisionSignal"] = True
    return profile


def _interfaces(id: ResourceId, wanted: Description) -> list[Json]:
    """References without a primary flag where there is only one, as the CLI makes them."""
    group = ResourceId(id.subscription, id.group)
    ids = [
        name if name.startswith("/") else str(group.child("Microsoft.Network/networkInterfaces", name))
        for name in wanted.network_interfaces
    ]
    if len(ids) == 1:
        return [{"id": ids[0]}]
    return [{"id": one, "properties": {"primary": position == 0}} for position, one in enumerate(ids)]


def _computer_name(wanted: Description) -> str:
    return wanted.computer_name or wanted.name[:_WINDOWS_NAME_LENGTH]


def _machine(azure: Azure, vm: Resource, wanted: Description) -> Machine:
    settings = azure.settings
    administrator = LocalUser(
        name=wanted.admin_username or settings.vm_user, password=settings.vm_password, built_in=True
    )
    machine = Machine(
        computer_name=_computer_name(wanted),
        users=[administrator, *(LocalUser(**user) for user in wanted.guest.users)],
        addresses=_private_addresses(azure, vm),
        now=azure.clock.now,
    )
    machine.rdp.enabled = wanted.guest.rdp_enabled
    machine.rdp.port = wanted.guest.rdp_port
    machine.rdp.service_running = wanted.guest.rdp_service_running
    machine.rdp.network_level_authentication = wanted.guest.network_level_authentication
    machine.rdp.security_layer = wanted.guest.rdp_security_layer
    machine.rdp.policy = set(wanted.guest.rdp_policy)
    bring_about(machine, wanted.guest.rdp_trouble)
    for port in wanted.guest.open_ports:
        machine.firewall[f"Port_{port}"] = FirewallRule(name=f"Port_{port}", local_ports=(port,))
    if not wanted.guest.rdp_firewall_rule:
        machine.firewall[RDP_RULE] = replace(machine.firewall[RDP_RULE], enabled=False)
    machine.minimum_password_length = wanted.guest.minimum_password_length
    machine.domain_controller = wanted.guest.domain_controller
    machine.vm_access = wanted.guest.vm_access
    machine.agent = wanted.agent
    machine.running = wanted.power == "running"
    return machine


def _private_addresses(azure: Azure, vm: Resource) -> list[str]:
    """The addresses that Windows has itself: private ones only."""
    addresses: list[str] = []
    for reference in vm.properties["networkProfile"]["networkInterfaces"]:
        interface = azure.store.get(ResourceId.parse(reference["id"]))
        if interface is None:
            raise ValueError(f"virtual_machines: {vm.id.name}: no such network interface: {reference['id']}")
        for configuration in interface.properties.get("ipConfigurations", []):
            address = configuration.get("properties", {}).get("privateIPAddress")
            if address:
                addresses.append(str(address))
    return addresses


def _extension(vm: Resource, entry: Mapping[str, Any]) -> Resource:
    return Resource(
        id=vm.id.child("extensions", str(entry["name"])),
        location=vm.location,
        properties={
            "autoUpgradeMinorVersion": True,
            "provisioningState": entry.get("provisioning_state", "Succeeded"),
            "publisher": entry["publisher"],
            "type": entry["type"],
            "typeHandlerVersion": str(entry.get("version", "1.0")),
            **({"settings": dict(entry["settings"])} if entry.get("settings") is not None else {}),
        },
        private={"seeded_error": str(entry.get("error") or "")},
    )


def _known(values: Mapping[str, Any], into: type[Description] | type[GuestDescription], where: str) -> dict[str, Any]:
    unknown = sorted(set(values) - {one.name for one in fields(into)})
    if unknown:
        raise ValueError(f"{where}: unknown: {', '.join(unknown)}")
    return dict(values)


def _check(value: str, allowed: Sequence[str], where: str) -> None:
    if value not in allowed:
        raise ValueError(f"{where}: {value!r} is none of {', '.join(allowed)}")
