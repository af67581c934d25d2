# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which properties of an existing virtual machine a PUT or PATCH may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.store import Resource
from ..core.wire import Json
from . import errors
from .state import state_of

#: What Azure makes itself; a client sends it back unchanged or stale, and it is left out of the comparison.
_READ_ONLY = frozenset({"provisioningstate", "vmid", "timecreated", "instanceview", "resources"})

#: What may be given for an existing VM and takes effect; `osProfile` has rules of its own.
_CHANGEABLE = frozenset({"osprofile", "diagnosticsprofile", "licensetype", "userdata", "billingprofile"})

#: What makes a spot machine of a VM.
_SPOT = frozenset({"priority", "evictionpolicy"})

#: Properties whose change is refused by name (Azure/azure-quickstart-templates#3712, MicrosoftDocs/azure-docs#13907,
#: recorded for `priority`); everything else that differs is beyond the local Azure.
_FIXED_STORAGE = {
    ("imagereference",): "imageReference",
    ("osdisk", "name"): "osDisk.name",
    ("osdisk", "manageddisk", "id"): "osDisk.managedDisk.id",
}
_FIXED_OS_PROFILE = {"computername": "computerName", "adminusername": "adminUsername"}
_WRITE_ONLY_OS_PROFILE = {"adminpassword": "adminPassword", "customdata": "customData"}
_CHANGEABLE_WINDOWS = frozenset({"patchsettings", "enablevmagentplatformupdates", "winrm"})
_CHANGEABLE_LINUX = frozenset({"patchsettings", "enablevmagentplatformupdates"})


def check(vm: Resource, change: Mapping[str, object]) -> None:
    """Refuses a body's ``properties`` that would change what cannot be changed on ``vm``.

    :raises AzureError: 409 PropertyChangeNotAllowed where Azure says so; 501 where real Azure might do it, but the
        local one doesn't know how (size, disks, network interfaces...).
    """
    for name, value in change.items():
        lower = name.lower()
        if value is None or lower in _READ_ONLY:
            continue
        current = lookup(vm.properties, lower)
        if lower == "osprofile":
            _check_os_profile(current, value)
        elif lower == "storageprofile":
            _check_storage(vm, current, value)
        elif lower == "networkprofile":
            _check_interfaces(current, value)
        elif lower in _SPOT:
            _check_priority(vm, name, current, value)
        elif lower not in _CHANGEABLE and differs(current, value):
            raise errors.not_rehearsed(f"changing '{name}' of an existing virtual machine")


def _check_priority(vm: Resource, name: str, current: object, value: object) -> None:
    """Taken from a VM without hardware (recorded), refused for others."""
    if state_of(vm).power != "deallocated" and differs(current, value):
        raise errors.property_change_not_allowed(name)


def differs(current: object, given: object) -> bool:
    """Whether anything that ``given`` says is otherwise in ``current``; what ``given`` leaves out or nulls is the same.

    False says the same as nothing. Texts are compared without case: ids and enumerations come back in the casing of
    whoever wrote them.
    """
    if given is None or (given is False and current is None):
        return False
    if isinstance(given, Mapping):
        if not isinstance(current, Mapping):
            return any(differs(None, value) for value in given.values())
        return any(differs(lookup(current, name.lower()), value) for name, value in given.items())
    if isinstance(given, list):
        have = current if isinstance(current, list) else []
        return len(have) != len(given) or any(differs(*pair) for pair in zip(have, given, strict=True))
    if isinstance(given, str) and isinstance(current, str):
        return given.lower() != current.lower()
    return given != current


def lookup(value: Mapping[str, object], lower: str) -> object:
    """The entry of ``value`` whose name is ``lower`` when written in lower case, or None."""
    return next((entry for name, entry in value.items() if name.lower() == lower), None)


def flags(os_profile: Json) -> Json:
    """``os_profile`` with truth values given as text made real ones (recorded: test_resource_patch sends "false")."""
    for name, value in os_profile.items():
        if name.lower() in ("allowextensionoperations", "requireguestprovisionsignal") and isinstance(value, str):
            os_profile[name] = value.lower() == "true"
    return os_profile


def _check_os_profile(current: object, given: object) -> None:
    if not isinstance(given, Mapping):
        raise errors.invalid_parameter("The value of parameter osProfile is invalid.", "osProfile")
    if not isinstance(current, Mapping):
        # A VM made from a specialised disk: MicrosoftDocs/azure-docs#21850, #12602.
        if given:
            raise errors.property_change_not_allowed("osProfile")
        return
    for name, value in given.items():
        lower = name.lower()
        if value is None:
            continue
        if lower in _WRITE_ONLY_OS_PROFILE:
            raise errors.property_change_not_allowed(_WRITE_ONLY_OS_PROFILE[lower])
        before = lookup(current, lower)
        if lower in _FIXED_OS_PROFILE and differs(before, value):
            raise errors.property_change_not_allowed(_FIXED_OS_PROFILE[lower])
        if lower == "windowsconfiguration":
            _check_configuration("windowsConfiguration", before, value, _CHANGEABLE_WINDOWS)
        if lower == "linuxconfiguration":
            _check_configuration("linuxConfiguration", before, value, _CHANGEABLE_LINUX)


def _check_configuration(path: str, current: object, given: object, changeable: frozenset[str]) -> None:
    if not isinstance(given, Mapping):
        raise errors.invalid_parameter(f"The value of parameter {path} is invalid.", path)
    if not isinstance(current, Mapping):
        if differs(None, given):
            raise errors.property_change_not_allowed(path)
        return
    for name, value in given.items():
        lower = name.lower()
        before = lookup(current, lower)
        if lower == "winrm":
            _check_listeners(before, value)
        elif lower not in changeable and differs(before, value):
            raise errors.property_change_not_allowed(f"{path}.{name}")


def _check_listeners(current: object, given: object) -> None:
    """WinRM listeners can be given at creation only (Azure/azure-quickstart-templates#3712)."""
    before = lookup(current, "listeners") if isinstance(current, Mapping) else None
    after = lookup(given, "listeners") if isinstance(given, Mapping) else None
    if differs(before, after) and not (before is None and after == []):
        raise errors.property_change_not_allowed("windowsConfiguration.winRM.listeners")


def _check_storage(vm: Resource, current: object, given: object) -> None:
    """A VM that is off may get another system disk (recorded)."""
    off = state_of(vm).power in ("stopped", "deallocated")
    for path, target in _FIXED_STORAGE.items():
        if differs(_walk(current, path), _walk(given, path)) and not (off and path[0] == "osdisk"):
            raise errors.property_change_not_allowed(target)
    if differs(current, given):
        raise errors.not_rehearsed("changing the disks of an existing virtual machine")


def _check_interfaces(current: object, given: object) -> None:
    """The same interfaces in the same order; a single one may be called primary or not."""
    before, after = (_walk(profile, ("networkinterfaces",)) for profile in (current, given))
    if isinstance(after, list) and len(after) == 1:
        only = after[0]
        after = [{"id": lookup(only, "id")}] if isinstance(only, Mapping) else after
    if differs(before, after):
        raise errors.not_rehearsed("changing the network interfaces of an existing virtual machine")


def _walk(value: object, path: Sequence[str]) -> object:
    for step in path:
        value = lookup(value, step) if isinstance(value, Mapping) else None
    return value
