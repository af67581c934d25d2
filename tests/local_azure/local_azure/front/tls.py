# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of this instance, and the certificate that stands for Azure's host names."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import trustme

from .hosts import CERTIFICATE_NAMES


@dataclass(frozen=True, kw_only=True)
class Tls:
    """`ca_pem` is what clients must trust; `context` is for the server's side."""

    ca_pem: bytes
    context: ssl.SSLContext


def make() -> Tls:
    """A new authority and a certificate for every known host name."""
    authority = trustme.CA(organization_name="Local Azure")
    leaf = authority.issue_cert(*CERTIFICATE_NAMES, organization_name="Local Azure")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    leaf.configure_cert(context)
    return Tls(ca_pem=authority.cert_pem.bytes(), context=context)
