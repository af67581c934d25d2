# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping, deallocating, restarting, redeploying and reapplying a virtual machine."""

from __future__ import annotations

from collections.abc import Callable

from ..core.call import Answer, Call
from ..core.errors import AzureError
from ..core.operations import Style
from ..core.store import Resource
from . import errors
from .documents import spelt_anew
from .provider import Compute, check_writable, secrets_of
from .state import Power, state_of

#: Seconds from start to end of recorded operations: medians (test_vm_redeploy, test_invoke_action).
_SECONDS = {
    "start": 10.0,
    "powerOff": 6.0,
    "deallocate": 30.0,
    "restart": 7.0,
    "redeploy": 119.0,
    "reapply": 6.0,
}
_STARTING = ("start", "restart", "redeploy")
_UNDER_WAY: dict[Power, str] = {"starting": "start", "stopping": "powerOff", "deallocating": "deallocate"}
_TARGET: dict[Power, str] = {"starting": "Running", "stopping": "Stopped", "deallocating": "Deallocated"}


def start(call: Call) -> Answer:
    """``POST start``: from stopped or deallocated to running; nothing happens to a running VM."""
    vm = _vm(call)
    compute = call.azure.compute
    before = state_of(vm).power
    if before in ("running", "starting"):
        return _begin(call, vm, _nothing)

    def finish() -> None:
        compute.still_there(vm)
        _bring_up(call, vm, from_deallocated=before == "deallocated")
        compute.settle(vm)

    undo = _back(compute, vm)
    _change(compute, vm, "starting")
    return _begin(call, vm, finish, undo)


def power_off(call: Call) -> Answer:
    """``POST powerOff``: the machine stops and keeps its hardware and its addresses."""
    vm = _vm(call)
    compute = call.azure.compute
    power = state_of(vm).power
    if power in ("deallocated", "deallocating"):
        raise errors.vm_is_deallocated("powerOff", vm.id.name)
    if power in ("stopped", "stopping"):
        return _begin(call, vm, _nothing)
    undo = _back(compute, vm)
    _change(compute, vm, "stopping")
    return _begin(call, vm, _power_down(compute, vm, "stopped"), undo)


def deallocate(call: Call) -> Answer:
    """``POST deallocate``: the machine stops and gives back its hardware and its dynamic public addresses."""
    vm = _vm(call)
    compute = call.azure.compute
    if call.query.get("hibernate", "false").lower() == "true":
        raise errors.not_rehearsed("hibernating a virtual machine")
    if state_of(vm).power in ("deallocated", "deallocating"):
        return _begin(call, vm, _nothing, bucket="DeleteVM")
    undo = _back(compute, vm)
    _change(compute, vm, "deallocating")
    down = _power_down(compute, vm, "deallocated")

    def finish() -> None:
        down()
        compute.set_allocated(vm, False)

    return _begin(call, vm, finish, undo, bucket="DeleteVM")


def restart(call: Call) -> Answer:
    """``POST restart``: Windows goes down and comes up again; needs a running VM."""
    vm = _vm(call)
    if not state_of(vm).is_running:
        raise errors.vm_must_be_running()
    return _cycle(call, vm)


def redeploy(call: Call) -> Answer:
    """``POST redeploy``: the same on another host; needs a VM that has hardware.

    One that is stopped is taken and can be generalized afterwards (both recorded): it stays off.
    """
    vm = _vm(call)
    compute = call.azure.compute
    if state_of(vm).power in ("deallocated", "deallocating"):
        raise errors.vm_is_deallocated("redeploy", vm.id.name)
    if state_of(vm).is_running:
        return _cycle(call, vm)
    undo = _back(compute, vm)
    compute.count_change(vm)
    compute.set_provisioning(vm, "Updating")
    return _begin(call, vm, _power_down(compute, vm, "stopped"), undo)


def reapply(call: Call) -> Answer:
    """``POST reapply``: the platform's goal state once more; ends a Failed provisioning state."""
    vm = _vm(call)
    compute = call.azure.compute
    compute.set_provisioning(vm, "Updating")

    def finish() -> None:
        compute.still_there(vm)
        compute.settle(vm)

    return _begin(call, vm, finish, lambda failure: compute.set_provisioning(vm, "Failed", failure))


def generalize(call: Call) -> Answer:
    """``POST generalize``: marks a VM that is off as a template for images; done at once (test_invoke_action)."""
    vm = _vm(call)
    if state_of(vm).power not in ("stopped", "deallocated"):
        raise errors.must_be_off(vm.id.name)
    state_of(vm).generalized = True
    call.azure.compute.count_change(vm)
    return Answer(status=200, headers=call.azure.compute.allowances.headers("UpdateVM", vm.id))


def _vm(call: Call) -> Resource:
    """The VM of an action, if it can take one now."""
    vm = call.azure.store.require(call.id)
    action = call.action or ""
    check_writable(vm, action)
    if state_of(vm).generalized and action in _STARTING:
        raise errors.vm_is_generalized(action, vm.id.name)
    power = state_of(vm).power
    if power in _UNDER_WAY and _UNDER_WAY[power] != action:
        raise errors.operation_not_allowed(
            f"An ongoing operation is changing power state of Virtual Machine {vm.id.name} to {_TARGET[power]}. "
            f"Please perform operation {action} after some time."
        )
    return vm


def _begin(
    call: Call,
    vm: Resource,
    finish: Callable[[], None],
    on_failure: Callable[[AzureError], None] | None = None,
    *,
    bucket: str = "UpdateVM",
) -> Answer:
    seconds = _SECONDS[call.action or ""]
    operation = call.azure.operations.start(
        call, style=Style.COMPUTE_POST, seconds=seconds, finish=finish, on_failure=on_failure
    )
    return operation.answer(202, headers=call.azure.compute.allowances.headers(bucket, vm.id))


def _nothing() -> None:
    return None


def _change(compute: Compute, vm: Resource, power: Power) -> None:
    # Recordings show the entity tag one higher after a powerOff (test_invoke_action).
    compute.count_change(vm)
    compute.set_provisioning(vm, "Updating")
    compute.set_power(vm, power)


def _back(compute: Compute, vm: Resource) -> Callable[[AzureError], None]:
    """What a failed operation leaves: the power state of this moment, before the operation changes it."""
    before = state_of(vm).power

    def undo(failure: AzureError) -> None:
        compute.set_power(vm, before)
        compute.set_provisioning(vm, "Failed", failure)

    return undo


def _power_down(compute: Compute, vm: Resource, power: Power) -> Callable[[], None]:
    def finish() -> None:
        compute.still_there(vm)
        compute.set_power(vm, power)
        compute.settle(vm)

    return finish


def _cycle(call: Call, vm: Resource) -> Answer:
    compute = call.azure.compute
    undo = _back(compute, vm)
    compute.count_change(vm)
    compute.set_provisioning(vm, "Updating")
    compute.halt(vm, _SECONDS[call.action or ""])

    def finish() -> None:
        compute.still_there(vm)
        compute.set_power(vm, "running")
        compute.settle(vm)

    return _begin(call, vm, finish, undo)


def _bring_up(call: Call, vm: Resource, *, from_deallocated: bool) -> None:
    """A VM that gets new hardware reads all its certificates again, and does not start without them.

    Users have seen starts fail with KeyVaultSecretDoesNotExist after a secret was deleted (Chocolatey for Business
    Azure Environment, troubleshooting). A stopped VM only gets what was referenced while it was off (unverified).
    """
    azure, state = call.azure, state_of(vm)
    certificates = []
    if from_deallocated or state.install_at_start:
        certificates = azure.compute.fetch_certificates(vm, secrets_of(vm), again=True)
    if from_deallocated:
        azure.compute.set_allocated(vm, True)
        vm.properties["storageProfile"] = spelt_anew(vm.properties["storageProfile"])
    state.install_at_start = False
    azure.compute.set_power(vm, "running")
    azure.compute.install(vm, certificates)
