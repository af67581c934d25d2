# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a local Azure looks like when all is done, without what differs from run to run."""

from __future__ import annotations

import json
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, t.Any]

# Times of the scenario's start, and identifiers that Azure makes up.
_OWN_KEYS = frozenset({"etag", "resourceGuid", "time", "timeCreated", "effective", "not_after", "systemData"})

# How a reset marks the extension: another one each time, with a digest of the secret's version.
_RESET_TAG = re.compile(r"(azvm\.access:)[0-9a-f]{16}(:secret::)[0-9a-f]+")


def end_state(state: Json) -> Json:
    """``local-azure state`` with the secret version in use, its thumbprint and certificate under fixed names.

    Other versions of a secret are left out of ``vaults``: they are :func:`unused_versions`. Wherever else one of them
    turned up, it would show.
    """
    used = [_used(secret, state) for secret in _secrets(state)]
    others = {version["version"] for version in unused_versions(state)}
    text = json.dumps({**state, "vaults": [_without(others, vault) for vault in state["vaults"]]})
    for number, version in enumerate(used):
        text = text.replace(version["version"], f"VERSION-{number}")
        for tag, value in version["tags"].items():
            if tag.startswith(("thumbprint", "certificate_")):
                text = re.sub(re.escape(value), f"{tag.upper()}-{number}", text, flags=re.IGNORECASE)
    text = _RESET_TAG.sub(r"\1NONCE\2DIGEST", text)
    kept = _without_own_keys(json.loads(text))
    assert isinstance(kept, dict)
    return kept


def of_group(state: Json, group: str) -> Json:
    """The part of a state that is in one resource group, with what only this group has replaced: names, numbers."""
    inside = re.compile(rf"/resourceGroups/{re.escape(group)}/", re.IGNORECASE)
    part: Json = {
        "resources": [one for one in state["resources"] if inside.search(one["id"])],
        "vaults": [one for one in state["vaults"] if inside.search(one["vault"])],
        "guests": {id: guest for id, guest in state["guests"].items() if inside.search(id)},
    }
    own = {one["vault"].rpartition("/")[2]: f"VAULT-{number}" for number, one in enumerate(part["vaults"])}
    for one in part["resources"]:
        for key in ("ipAddress", "vmId", "macAddress"):
            if value := one["properties"].get(key):
                own |= {value: f"{one['name']}-{key}", value.replace("-", ""): f"{one['name']}-{key}"}
    for secret in _secrets(part):
        own |= {one["tags"]["names_digest"]: "DIGEST" for one in secret["versions"] if "names_digest" in one["tags"]}
    text = json.dumps(part)
    for value, name in own.items():
        text = re.sub(rf"{re.escape(value)}(?!\d)", name, text)
    found: Json = json.loads(without_name(text, group))
    return found


def without_name(text: str, group: str) -> str:
    """The text with the name of a resource group replaced, also where it is part of other names."""
    return re.sub(rf"(?<![\w-]){re.escape(group)}(?!\w)", "GROUP", text)


def differences(left: Json, right: Json) -> list[str]:
    """Where two states differ, one line for each value."""
    a, b = dict(_leaves(left)), dict(_leaves(right))
    return [f"{path}: {a.get(path)!r}, not {b.get(path)!r}" for path in {**a, **b} if a.get(path) != b.get(path)]


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            # Things with a name are compared by it, wherever they stand.
            yield from _leaves(inner, f"{path}[{_own_name(inner) or position}]")
    else:
        yield path, value


def _own_name(value: object) -> str | None:
    """What a thing in a list is called: what it is, or the vault or secret that it is about."""
    if not isinstance(value, dict):
        return None
    vault = value.get("sourceVault")
    names = (*(value.get(key) for key in ("id", "name", "certificateUrl", "subject")), vault and vault["id"])
    return next((str(name) for name in names if name), None)


def unused_versions(state: Json) -> list[Json]:
    """Secret versions that no VM refers to, but for the newest of a secret that none is used of."""
    return [
        version
        for secret in _secrets(state)
        for version in secret["versions"]
        if version["version"] != _used(secret, state)["version"]
    ]


def _secrets(state: Json) -> list[Json]:
    return [secret for vault in state["vaults"] for secret in sorted(vault["secrets"], key=lambda one: one["name"])]


def _used(secret: Json, state: Json) -> Json:
    # Two versions of one second have no order but their names: which one is in use shows in the VMs only.
    resources = json.dumps(state["resources"])
    found: list[Json] = [version for version in secret["versions"] if version["version"] in resources]
    return (found or secret["versions"])[-1]


def _without(versions: set[str], vault: Json) -> Json:
    def kept(secret: Json) -> Json:
        return {**secret, "versions": [one for one in secret["versions"] if one["version"] not in versions]}

    return {**vault, "secrets": [kept(secret) for secret in vault["secrets"]]}


def _made_by_windows(value: object) -> bool:
    """Whether it is the certificate of Remote Desktop, which Windows makes when somebody connects first."""
    return isinstance(value, dict) and value.get("store") == "remote desktop"


def _without_own_keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_own_keys(inner) for key, inner in value.items() if key not in _OWN_KEYS}
    if isinstance(value, list):
        return [_without_own_keys(inner) for inner in value if not _made_by_windows(inner)]
    return value
