# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a task says: no traceback, one sentence when it fails, and nothing invalid is sent to Azure."""

from __future__ import annotations

import importlib
import re
import typing as t

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins import modules
from ansible_collections.azvm.access.tests.integration.input.arguments import VM, tasks

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.input.conftest import Desk, Json

NAMES = (
    "access_probe",
    "rdp_file",
    "rdp_nsg_rule",
    "vm_access_reset",
    "vm_power",
    "vm_public_ip",
    "vm_rdp_listener",
    "vm_winrm_listener",
    "winrm_cert_keyvault",
)
_PYTHON = re.compile(r"Traceback|<class|object at 0x|NoneType|\bError\(|Errno|codec can't|\bException\b")


def checked(result: Json) -> None:
    """What any result looks like."""
    if not result.get("failed"):
        assert isinstance(result["changed"], bool), result
        return
    failure = result.get("failure")
    assert not result.get("exception"), result
    if failure is None:  # Ansible itself refused the arguments, by their types and rules
        return
    for text in (result["msg"], failure["message"], failure["hint"]):
        assert not _PYTHON.search(text), result
        assert "\n" not in text, result
        assert text == "" or text.endswith("."), result
    # This is what is said of an answer of the wrong shape: here the wrong shape was an argument's.
    assert failure["code"] != "UnexpectedAnswer", result


@pytest.mark.parametrize("name", NAMES)
def test_any_arguments(desk: Desk, full: bool, name: str) -> None:
    module = importlib.import_module(f"{modules.__name__}.{name}")

    @settings(
        max_examples=1000 if full else 15,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(arguments=tasks(module), check_mode=st.booleans())
    def any_arguments(arguments: Json, check_mode: bool) -> None:
        desk.azure.start_over()
        checked(desk.run(module, arguments, check_mode=check_mode))
        assert desk.invalid_requests() == []

    any_arguments()


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("vm_power", {"poll_interval": "nan"}, "InvalidTimeout"),
        ("vm_power", {"timeout": 10**400}, "InvalidTimeout"),
        ("access_probe", {"connect_timeout": "nan"}, "InvalidTimeout"),
        ("vm_power", {"vm_name": "a\n\nb"}, "InvalidName"),
        ("rdp_nsg_rule", {"network_interface": "a\nb", "sources": ["203.0.113.7"]}, "NetworkInterfaceNotFound"),
    ],
)
def test_arguments_that_once_went_wrong(desk: Desk, name: str, arguments: Json, code: str) -> None:
    desk.azure.start_over()
    result = desk.run(importlib.import_module(f"{modules.__name__}.{name}"), {**VM, **arguments}, check_mode=False)
    checked(result)
    assert result["failure"]["code"] == code


@pytest.mark.parametrize("patience", ["inf", 1000])
def test_a_probe_waits_no_longer_than_its_task_may(desk: Desk, patience: object) -> None:
    """WinRM is filtered inside the VM. On a busy machine the answers of Azure may take all the time."""
    arguments = {**VM, "connect_timeout": patience, "timeout": 2}
    module = importlib.import_module(f"{modules.__name__}.access_probe")
    desk.azure.start_over()
    result = desk.run(module, arguments, check_mode=False)
    checked(result)
    assert result["failure"]["code"] in ("TcpFiltered", "Timeout")
