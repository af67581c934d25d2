# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that Azure takes is refused: names of the official specifications' patterns, and what others have used."""

from __future__ import annotations

import importlib
import json
import re
import typing as t
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins import modules
from ansible_collections.azvm.access.plugins.module_utils import _operations
from ansible_collections.azvm.access.tests.integration.input.arguments import BASES, VM
from ansible_collections.azvm.access.tests.integration.support.controller import CLONE
from ansible_collections.azvm.access.tests.integration.support.documented import defaults
from azure_contract.judge import Judge

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from azure_contract.operations import Plane

Json = dict[str, t.Any]

SHARED = CLONE.parent / "shared"
SPECIFICATIONS = SHARED / "azure-specs"
RECORDINGS = SHARED / "azure-traffic"
_VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
# "The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
_REFUSED_VAULT = re.compile(r"^[^A-Za-z]|-$|--")

needs_specifications = pytest.mark.skipif(
    not SPECIFICATIONS.is_dir(), reason="the official specifications are not there: ../shared/azure-specs"
)
needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings of real traffic are not there: ../shared/azure-traffic"
)


def accept(module: str, **wanted: t.Any) -> None:
    """Read the options of a task as the module does; InvalidInput goes through."""
    operation = importlib.import_module(f"{_operations.__name__}.{module}")
    operation.Options.from_parameters({**_parameters(module), **wanted})


@cache
def _parameters(module: str) -> Json:
    return {**defaults(importlib.import_module(f"{modules.__name__}.{module}")), **VM, **BASES.get(module, {})}


@needs_specifications
@pytest.mark.parametrize(
    ("module", "option", "plane", "path", "parameter"),
    [
        ("winrm_cert_keyvault", "vault_name", "management", _VAULT, "vaultName"),
        ("vm_access_reset", "vault_name", "management", _VAULT, "vaultName"),
        ("winrm_cert_keyvault", "certificate_name", "management", f"{_VAULT}/secrets/s", "secretName"),
        ("winrm_cert_keyvault", "certificate_name", "vault", "/secrets/s", "secret-name"),
        ("vm_access_reset", "password_secret", "vault", "/secrets/s", "secret-name"),
    ],
)
def test_names_of_the_patterns(module: str, option: str, plane: Plane, path: str, parameter: str) -> None:
    found = _judge().find(plane, "PUT", path)
    assert found is not None
    (pattern,) = [one.schema.shape.pattern for one in found[0].parameters if one.name == parameter]
    assert pattern is not None
    names = st.from_regex(pattern, fullmatch=True).filter(lambda name: 1 <= len(name) <= 127 and "\n" not in name)
    if parameter == "vaultName":
        names = names.filter(lambda name: not _REFUSED_VAULT.search(name))
    more = {"mode": "password", "vault_name": "access-passwords"} if option == "password_secret" else {}
    if (module, option) == ("vm_access_reset", "vault_name"):
        more = {"mode": "password", "password_secret": "a"}

    @given(name=names)
    def taken(name: str) -> None:
        accept(module, **{**more, option: name})

    taken()


@needs_recordings
@pytest.mark.parametrize(
    ("module", "option", "place"),
    [
        ("vm_power", "resource_group", r"/resourceGroups/([^/]+)"),
        ("vm_power", "vm_name", r"/Microsoft.Compute/virtualMachines/([^/]+)"),
        ("rdp_nsg_rule", "name", r"/securityRules/([^/]+)"),
        ("vm_public_ip", "name", r"/publicIPAddresses/([^/]+)"),
        ("winrm_cert_keyvault", "vault_name", r"/Microsoft.KeyVault/vaults/([^/]+)"),
        ("winrm_cert_keyvault", "certificate_name", r"/(?:secrets|certificates)/([^/]+)"),
    ],
)
def test_names_that_others_used(module: str, option: str, place: str) -> None:
    names = {
        found[1]
        for one in exchanges()
        if one["status"] < 300 and (found := re.search(place, one["path"], re.IGNORECASE))
    }
    assert names
    for name in names:
        accept(module, **{option: name})


@needs_recordings
def test_rules_that_others_made() -> None:
    """Azure took a bare number for a source; here it is refused, since it is more likely a slip than an address."""
    made = [rule for one in exchanges() if one["status"] < 300 for rule in _rules(one["request"])]
    assert made
    for rule in made:
        sources = [*filter(None, [rule.get("sourceAddressPrefix")]), *(rule.get("sourceAddressPrefixes") or [])]
        accept(
            "rdp_nsg_rule",
            sources=[source for source in sources if not source.isdigit()] or ["203.0.113.7"],
            allow_any_source=True,
            priority=rule["priority"],
            description=rule.get("description"),
        )


def exchanges() -> Iterator[Json]:
    """What is recorded of the real service."""
    for file in sorted(RECORDINGS.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _rules(value: object) -> Iterator[Json]:
    """The properties of security rules in a request."""
    if isinstance(value, dict):
        if {"priority", "direction"} <= value.keys():
            yield value
        for inner in value.values():
            yield from _rules(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _rules(inner)


@cache
def _judge() -> Judge:
    return Judge(SPECIFICATIONS)
