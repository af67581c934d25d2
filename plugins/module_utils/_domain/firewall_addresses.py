# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote addresses of a Windows Firewall rule: what people and security groups write, and what Windows stores."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from .errors import InvalidInput
from .service_tag import HINT as TAG_HINT
from .service_tag import is_service_tag

if t.TYPE_CHECKING:
    from collections.abc import Iterable

ANY = "Any"
LOCAL_SUBNET = "LocalSubnet"
MAX_ADDRESSES = 40
"""As many as the answer of a guest script (4096 bytes) can tell of."""

_EVERYONE = frozenset({"*", "any", "0.0.0.0/0", "::/0"})

_Network: t.TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


@dataclass(frozen=True, kw_only=True)
class RemoteAddresses:
    """Who a rule lets in, in one canonical form: sorted, without overlaps, ``("Any",)`` for everyone.

    ``warnings`` say which of the given values the Windows Firewall cannot express.
    """

    addresses: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def remote_addresses(given: Iterable[str]) -> RemoteAddresses:
    """Addresses, prefixes and Azure service tags as the Windows Firewall can take them.

    A service tag is known to Azure's network only, so it becomes ``Any``: the security groups still filter by it.
    Raises :class:`InvalidInput` for what is none of these, for a tag beside anything else, which no rule of a security
    group could hold either, and for more than :data:`MAX_ADDRESSES` of them.
    """
    words = [word.strip() for word in given if word.strip()]
    named = [word for word in words if word.lower() not in _EVERYONE]
    tags = [word for word in named if _is_tag(word)]
    networks = [_required_network(word) for word in named if not _is_name(word)]
    if tags:
        if len(words) > 1:
            raise InvalidInput(
                code="MixedRemoteAddresses",
                message=f"remote_addresses takes either one service tag, here {tags[0]}, or addresses.",
                hint="Write the addresses only: for Windows, a service tag would let everybody in.",
            )
        warning = (
            f"The Windows Firewall does not know Azure's service tags ({tags[0]}): its rule admits any address and"
            " leaves the choice to the security groups."
        )
        return RemoteAddresses(addresses=(ANY,), warnings=(warning,))
    if not words or any(word.lower() in _EVERYONE for word in words):
        return RemoteAddresses(addresses=(ANY,))
    local = any(word.lower() == LOCAL_SUBNET.lower() for word in words)
    addresses = _canonical(networks, [LOCAL_SUBNET] if local else [])
    if len(addresses) > MAX_ADDRESSES:
        raise InvalidInput(
            code="TooManyRemoteAddresses",
            message=f"remote_addresses names {len(addresses)} networks; the rule in the Windows Firewall takes at most"
            f" {MAX_ADDRESSES} here.",
            hint="Write fewer, larger prefixes, or leave remote_addresses out: the security groups filter, too.",
        )
    return RemoteAddresses(addresses=addresses)


def observed_addresses(stored: Iterable[str]) -> tuple[str, ...]:
    """What a rule's address filter says, in the same canonical form.

    Windows writes prefixes with a mask (``203.0.113.0/255.255.255.0``) and knows ranges; words stay as they are.
    """
    networks: list[_Network] = []
    words: list[str] = []
    for text in stored:
        if text.lower() in _EVERYONE:
            return (ANY,)
        found = _networks(text)
        if found:
            networks.extend(found)
        else:
            words.append(LOCAL_SUBNET if text.lower() == LOCAL_SUBNET.lower() else text)
    return _canonical(networks, words)


def _is_name(word: str) -> bool:
    return word.lower() == LOCAL_SUBNET.lower() or _is_tag(word)


def _is_tag(word: str) -> bool:
    return word.lower() != LOCAL_SUBNET.lower() and is_service_tag(word)


def _required_network(word: str) -> _Network:
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        raise InvalidInput(
            code="InvalidRemoteAddress",
            message=f"{word!r} in remote_addresses is neither an IP address, a prefix nor a service tag.",
            hint="Write addresses as 203.0.113.7 or 203.0.113.0/24; the Windows Firewall knows no host names."
            f" {TAG_HINT}",
        ) from None


def _networks(text: str) -> list[_Network]:
    """The networks that an address, a prefix with length or mask, or a range covers; none for other text."""
    first, dash, last = text.partition("-")
    try:
        if not dash:
            return [ipaddress.ip_network(text, strict=False)]
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        if isinstance(low, ipaddress.IPv4Address) and isinstance(high, ipaddress.IPv4Address):
            return list(ipaddress.summarize_address_range(low, high))
        if isinstance(low, ipaddress.IPv6Address) and isinstance(high, ipaddress.IPv6Address):
            return list(ipaddress.summarize_address_range(low, high))
    except ValueError:
        return []
    return []


def _canonical(networks: Iterable[_Network], words: Iterable[str]) -> tuple[str, ...]:
    found = list(networks)
    merged: list[_Network] = []
    merged += ipaddress.collapse_addresses(each for each in found if isinstance(each, ipaddress.IPv4Network))
    merged += ipaddress.collapse_addresses(each for each in found if isinstance(each, ipaddress.IPv6Network))
    if any(network.prefixlen == 0 for network in merged):
        return (ANY,)
    return (*map(_text, merged), *sorted(set(words)))


def _text(network: _Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
