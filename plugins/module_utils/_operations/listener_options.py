# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the options that the listener modules share."""

from __future__ import annotations

from .._domain.errors import InvalidInput
from .._domain.server_name import normalise_server_name
from .._domain.thumbprint import normalise_thumbprint


def checked_port(port: int) -> int:
    """Raise :class:`InvalidInput` for what is not a port."""
    if not 1 <= port <= 65535:
        raise InvalidInput(code="InvalidPort", message=f"{port} is not a port: ports go from 1 to 65535.")
    return port


def checked_thumbprint(text: str | None) -> str | None:
    """A SHA-1 thumbprint in normal form. Raises :class:`InvalidInput`."""
    if not text:
        return None
    try:
        digits = normalise_thumbprint(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidThumbprint", message=f"certificate_thumbprint: {error}.") from error
    if len(digits) != 40:
        raise InvalidInput(
            code="InvalidThumbprint",
            message="certificate_thumbprint is a SHA-256 thumbprint; Windows names certificates by SHA-1 (40 digits).",
            hint="azvm.access.winrm_cert_keyvault returns it as certificate.thumbprint.",
        )
    return digits


def checked_name(option: str, text: str | None) -> str | None:
    """A host name or address in normal form. Raises :class:`InvalidInput`."""
    if not text:
        return None
    try:
        return normalise_server_name(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidName", message=f"{option}: {error}.") from error
