# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows Firewall: named inbound rules, and who they let in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace
from typing import Literal

ANY = "Any"
LOCAL_SUBNET = "LocalSubnet"
Profile = Literal["Domain", "Private", "Public"]


@dataclass(frozen=True, kw_only=True)
class FirewallRule:
    """One inbound rule, in the words of New-NetFirewallRule.

    `local_ports` empty means any port. `remote_addresses` are `Any`, `LocalSubnet`, addresses, prefixes (with a length
    or a mask) or ranges `first-last`. `profiles` are `Any` or network profiles.
    """

    name: str
    display_name: str = ""
    local_ports: tuple[int, ...] = ()
    protocol: str = "TCP"
    remote_addresses: tuple[str, ...] = (ANY,)
    profiles: tuple[str, ...] = (ANY,)
    action: Literal["Allow", "Block"] = "Allow"
    enabled: bool = True
    group: str = ""

    def covers(self, port: int, profile: str) -> bool:
        """Whether the rule speaks about this TCP port on this network profile at all."""
        return (
            self.enabled
            and self.protocol.upper() in {"TCP", "ANY"}
            and (not self.local_ports or port in self.local_ports)
            and (ANY in self.profiles or profile in self.profiles)
        )


class Firewall(MutableMapping[str, FirewallRule]):
    """The rules by name (case-insensitive, as Windows compares them), for the profile of the machine's network.

    Windows drops what no rule allows, without an answer, and a Block rule wins over any Allow. Networks of Azure are
    unidentified to Windows, so the profile is Public.
    """

    def __init__(self, rules: tuple[FirewallRule, ...] = (), *, profile: Profile = "Public") -> None:
        self._rules = {rule.name.lower(): rule for rule in rules}
        self.profile: Profile = profile
        self.enabled = True
        self.local_subnets: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> FirewallRule:
        return self._rules[name.lower()]

    def __setitem__(self, name: str, rule: FirewallRule) -> None:
        self._rules[name.lower()] = replace(rule, name=name)

    def __delitem__(self, name: str) -> None:
        del self._rules[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter([rule.name for rule in self._rules.values()])

    def __len__(self) -> int:
        return len(self._rules)

    def ports(self) -> set[int]:
        """Every port that a rule names."""
        return {port for rule in self._rules.values() for port in rule.local_ports}

    def admits(self, port: int, source: str) -> bool:
        """Whether a TCP connection from the address `source` to `port` passes."""
        if not self.enabled:
            return True
        matching = [
            rule
            for rule in self._rules.values()
            if rule.covers(port, self.profile) and self._is_remote(source, rule.remote_addresses)
        ]
        return bool(matching) and all(rule.action == "Allow" for rule in matching)

    def _is_remote(self, source: str, remote_addresses: tuple[str, ...]) -> bool:
        for entry in remote_addresses:
            if entry.lower() == ANY.lower():
                return True
            entries = self.local_subnets if entry.lower() == LOCAL_SUBNET.lower() else (entry,)
            if any(_contains(prefix, source) for prefix in entries):
                return True
        return False


def valid_remote_address(entry: str) -> bool:
    """Whether Windows Firewall takes this text as a remote address."""
    if entry.lower() in {ANY.lower(), LOCAL_SUBNET.lower()}:
        return True
    try:
        _contains(entry, "127.0.0.1")
    except ValueError:
        return False
    return True


def _contains(entry: str, source: str) -> bool:
    """Whether an address, prefix or range holds `source`. Raises ValueError for anything else."""
    address = ipaddress.ip_address(source)
    first, separator, last = entry.partition("-")
    if not separator:
        return address in ipaddress.ip_network(entry, strict=False)
    low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
    if low.version != high.version or int(low) > int(high):
        raise ValueError(f"not a range of addresses: {entry}")
    return address.version == low.version and int(low) <= int(address) <= int(high)


def windows_server_rules() -> tuple[FirewallRule, ...]:
    """What a Windows Server image of the Azure Marketplace starts with, as far as ports here are concerned."""
    return (
        FirewallRule(
            name="RemoteDesktop-UserMode-In-TCP",
            display_name="Remote Desktop - User Mode (TCP-In)",
            local_ports=(3389,),
            group="Remote Desktop",
        ),
        FirewallRule(
            name="WINRM-HTTP-In-TCP",
            display_name="Windows Remote Management (HTTP-In)",
            local_ports=(5985,),
            profiles=("Domain", "Private"),
            group="Windows Remote Management",
        ),
        FirewallRule(
            name="WINRM-HTTP-In-TCP-PUBLIC",
            display_name="Windows Remote Management (HTTP-In)",
            local_ports=(5985,),
            profiles=("Public",),
            remote_addresses=(LOCAL_SUBNET,),
            group="Windows Remote Management",
        ),
    )
