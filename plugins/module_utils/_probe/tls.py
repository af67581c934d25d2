# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate a server presents, and connections that accept no other one."""

from __future__ import annotations

import hashlib
import ssl
import time
import typing as t

from .._domain.probe_causes import Break, Cause
from .._domain.probe_observations import Handshake, Session
from .certificate import read_certificate
from .channel import Broken, Channel, reconnect

if t.TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .._domain.deadline import Deadline
    from .._domain.probe_observations import Certificate
    from .resolve import Endpoint

# ssl.OP_LEGACY_SERVER_CONNECT has a name from Python 3.12 on.
_LEGACY_SERVER_CONNECT = 0x4


def probe_handshake(
    endpoint: Endpoint,
    *,
    server_name: str,
    deadline: Deadline,
    before: Callable[[socket.socket], None] | None = None,
) -> Handshake:
    """Read the certificate without verifying anything, by whatever TLS version and cipher the server still has.

    ``before`` says on the new connection what has to be said ahead of TLS; it may raise Broken.
    """
    started = time.monotonic()
    outcome: Session | Break
    try:
        with _open(endpoint, context=_tolerant(), server_name=server_name, deadline=deadline, before=before) as channel:
            outcome = Session(
                version=channel.version,
                cipher=channel.cipher,
                certificate=read_certificate(channel.peer_certificate),
            )
    except Broken as error:
        outcome = error.why
    except ValueError as error:
        outcome = Break(cause=Cause.CERTIFICATE_UNREADABLE, detail=str(error))
    return Handshake(outcome=outcome, seconds=time.monotonic() - started)


def open_again(
    endpoint: Endpoint,
    *,
    certificate: Certificate,
    pinned: bool,
    server_name: str,
    deadline: Deadline,
    before: Callable[[socket.socket], None] | None = None,
) -> Channel:
    """Another connection to a server that must present the very same certificate; raises Broken.

    ``pinned`` means that the certificate is known to be the right one: it is then the only trust anchor, and OpenSSL
    verifies its name, dates and usage as every client of the VM will. Otherwise the connection proves no more than the
    first one did. ``before`` is that of :func:`probe_handshake`.
    """
    context = _trusting(certificate) if pinned else _tolerant()
    channel = _open(endpoint, context=context, server_name=server_name, deadline=deadline, before=before)
    seen = hashlib.sha256(channel.peer_certificate).hexdigest().upper()
    if seen != certificate.thumbprint_sha256:
        channel.close()
        raise Broken(Cause.CERTIFICATE_CHANGED, f"SHA-256 {seen}")
    return channel


def _open(
    endpoint: Endpoint,
    *,
    context: ssl.SSLContext,
    server_name: str,
    deadline: Deadline,
    before: Callable[[socket.socket], None] | None = None,
) -> Channel:
    connection = reconnect(endpoint, deadline, silent=Cause.TLS_SILENT, closed=Cause.TLS_CLOSED)
    channel = Channel(connection, context=context, server_name=server_name, deadline=deadline)
    try:
        if before is not None:
            before(connection)
        channel.handshake()
    except Broken:
        channel.close()
        raise
    return channel


def _tolerant() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER_CONNECT
    return context


def _trusting(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    # The certificate itself is the anchor, also when an authority has issued it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate.pem)
    return context
