# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios: small YAML files that say what an Azure looks like at the start, and their loader.

Top-level keys: `principals` (a list of `name` and `roles`, each with `role`, `scope` and optionally `delay` seconds),
`groups` (`name`, `location`, `tags`), `propagation_seconds` (delay of role assignments that clients make),
`unregistered` (resource providers that need registration first), and one section per provider: `network`, `compute`,
`keyvault`, `security`. `$block` stands for the first two numbers of this instance's address block (such as 127.16),
`$user` for the account of the virtual machines, `$count` for the value of --count. A list entry `{for: N, each: ENTRY}`
stands for N copies of ENTRY in which `$i` is 1 to N; `$hi` and `$lo` number addresses: (i + 9) // 250 and
(i + 9) % 250 + 1.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..core.authorization import Principal, role_named
from ..core.settings import Settings
from ..core.wire import Json

if TYPE_CHECKING:
    from ..core.azure import Azure

PROVIDERS = ("network", "compute", "keyvault", "security")
DEFAULT_PRINCIPAL = "default"
_KEYS = {"description", "principals", "groups", "propagation_seconds", "unregistered", *PROVIDERS}
_VARIABLE = re.compile(r"\$(?P<name>[a-z]+)")
_IDENTITIES = uuid.UUID("6f1d3c1a-2d4e-4c8b-9a57-b1f0e2d3c4a5")


class ScenarioError(Exception):
    """A scenario that can't be used; the text names file and place."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A scenario with everything filled in. `name` is what `--scenario` was given."""

    name: str
    content: Json = field(default_factory=dict)


def names() -> list[str]:
    """The scenarios that come with this package."""
    files = package_files.files(__name__)
    return sorted(file.name.removesuffix(".yml") for file in files.iterdir() if file.name.endswith(".yml"))


def load(name: str, settings: Settings, *, count: int = 1) -> Scenario:
    """Read the scenario of that name, or the file at that path, and fill in its variables. Raises ScenarioError."""
    try:
        if name in names():
            text = (package_files.files(__name__) / f"{name}.yml").read_text(encoding="utf-8")
        else:
            text = Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        known = ", ".join(names())
        raise ScenarioError(f"no scenario {name!r}: neither a file nor one of {known}") from None
    except OSError as error:
        raise ScenarioError(f"scenario {name!r} can't be read: {error.strerror}") from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"scenario {name!r} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ScenarioError(f"scenario {name!r} is not a mapping")
    unknown = sorted(str(key) for key in content.keys() - _KEYS)
    if unknown:
        raise ScenarioError(f"scenario {name!r} has unknown keys: {', '.join(unknown)}")
    first, second, *_rest = str(settings.address_block.network_address).split(".")
    variables = {"block": f"{first}.{second}", "user": settings.vm_user, "count": str(count)}
    return Scenario(name=name, content=_fill(content, variables, name))


def populate(azure: Azure, scenario: Scenario) -> None:
    """Make the scenario's principals, groups and resources. Raises ScenarioError."""
    from .. import compute, keyvault, network, security
    from ..resources import groups

    content = scenario.content
    try:
        for entry in content.get("groups") or []:
            groups.seed(azure, entry["name"], entry["location"], entry.get("tags"))
        for entry in content.get("principals") or _default_principals():
            _add_principal(azure, entry, scenario.name)
        azure.authorization.propagation = timedelta(seconds=float(content.get("propagation_seconds") or 0))
        azure.unregistered = {str(name).lower(): None for name in content.get("unregistered") or []}
        for name, provider in zip(PROVIDERS, (network, compute, keyvault, security), strict=True):
            if content.get(name):
                provider.seed(azure, content[name])
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else str(error)
        raise ScenarioError(f"scenario {scenario.name!r}: {reason}") from error


def scope_of(azure: Azure, text: str) -> str:
    """A scope as people write it: `subscription`, `group NAME`, or an id."""
    subscription = f"/subscriptions/{azure.settings.subscription_id}"
    if text == "subscription":
        return subscription
    kind, _space, name = text.partition(" ")
    if kind == "group" and name:
        return f"{subscription}/resourceGroups/{name}"
    if not text.startswith("/"):
        raise ValueError(f"not a scope: {text!r} (write subscription, 'group NAME' or an id)")
    return text


def _add_principal(azure: Azure, entry: Mapping[str, Any], scenario: str) -> None:
    name = str(entry["name"])
    principal = Principal(
        name=name,
        client_id=str(uuid.uuid5(_IDENTITIES, f"client {name}")),
        object_id=str(uuid.uuid5(_IDENTITIES, f"object {name}")),
    )
    azure.authorization.add_principal(principal)
    for number, granted in enumerate(entry.get("roles") or []):
        role = role_named(str(granted["role"]))
        if role is None:
            raise ScenarioError(f"scenario {scenario!r}: principal {name!r}: unknown role {granted['role']!r}")
        azure.authorization.grant(
            principal.object_id,
            role,
            scope_of(azure, str(granted.get("scope", "subscription"))),
            delay=timedelta(seconds=float(granted.get("delay") or 0)),
            id=str(uuid.uuid5(_IDENTITIES, f"assignment {name} {number}")),
        )


def _default_principals() -> list[Json]:
    def principal(name: str, *roles: str) -> Json:
        return {"name": name, "roles": [{"role": role, "scope": "subscription"} for role in roles]}

    return [
        principal(DEFAULT_PRINCIPAL, "Contributor", "Key Vault Secrets Officer", "Key Vault Certificates Officer"),
        principal("contributor", "Contributor"),
        principal("reader", "Reader"),
    ]


def _fill(value: Any, variables: Mapping[str, str], where: str) -> Any:
    """Replace variables in all texts and expand repeated list entries."""
    if isinstance(value, dict):
        return {key: _fill(inner, variables, f"{where}: {key}") for key, inner in value.items()}
    if isinstance(value, list):
        filled: list[Any] = []
        for number, inner in enumerate(value):
            if isinstance(inner, dict) and inner.keys() == {"for", "each"}:
                filled += _repeat(inner, variables, f"{where}[{number}]")
            else:
                filled.append(_fill(inner, variables, f"{where}[{number}]"))
        return filled
    if isinstance(value, str):

        def replace(match: re.Match[str]) -> str:
            if match["name"] not in variables:
                raise ScenarioError(f"{where}: unknown variable ${match['name']}")
            return variables[match["name"]]

        return _VARIABLE.sub(replace, value)
    return value


def _repeat(entry: Json, variables: Mapping[str, str], where: str) -> list[Any]:
    times = _fill(str(entry["for"]), variables, where)
    if not times.isdigit() or int(times) < 1:
        raise ScenarioError(f"{where}: 'for' must be a whole number from 1 on, not {times!r}")
    filled = []
    for i in range(1, int(times) + 1):
        hi, lo = divmod(i + 9, 250)
        filled.append(_fill(entry["each"], {**variables, "i": str(i), "hi": str(hi), "lo": str(lo + 1)}, where))
    return filled
