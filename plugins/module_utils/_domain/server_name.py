# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate is made out for the name or address a client connects to."""

from __future__ import annotations

import ipaddress
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    IPAddress: t.TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAX_LENGTH = 253


def parse_ip(text: str) -> IPAddress | None:
    """The IP address that the text writes, without brackets and zone; None when it is a name."""
    bare = text.strip().removeprefix("[").removesuffix("]").partition("%")[0]
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        return None


def normalise_server_name(text: str) -> str:
    """The form in which names are sent and compared: lower case, A-labels, no final dot; addresses in canonical form.

    Raises ValueError when the text is neither an IP address nor a host name.
    """
    address = parse_ip(text)
    if address is not None:
        return str(address)
    name = text.strip().removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError(f"{text!r} is not a host name") from None
    name = name.lower()
    if len(name) > _MAX_LENGTH or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{text!r} is neither a host name nor an IP address")
    return name


def name_matches(server_name: str, *, dns_names: Iterable[str], ip_addresses: Iterable[str]) -> bool:
    """Whether one of the subject alternative names stands for the server's name (RFC 6125, section 6.4; RFC 9525).

    An address is only compared with IP addresses and a name only with DNS names. The subject's common name is not
    consulted at all, as TLS clients stopped doing that.
    """
    address = parse_ip(server_name)
    if address is not None:
        return any(parse_ip(presented) == address for presented in ip_addresses)
    wanted = normalise_server_name(server_name)
    return any(_dns_name_matches(wanted, presented) for presented in dns_names)


def _dns_name_matches(wanted: str, presented: str) -> bool:
    pattern = presented.strip().removesuffix(".").lower()
    if not pattern.startswith("*."):
        return pattern == wanted
    # A wildcard is the whole leftmost label, stands for exactly one label, and never covers a top-level domain.
    domain = pattern.removeprefix("*.")
    host, _dot, rest = wanted.partition(".")
    return "." in domain and "*" not in domain and bool(host) and rest == domain
