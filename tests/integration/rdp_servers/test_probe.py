# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""access_probe names servers that nobody here wrote: xrdp in its three security modes, and freerdp-shadow with NLA."""

from __future__ import annotations

import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._operations.access_probe import Options, probe_access
from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import ACCOUNT

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.azvm.access.tests.integration.rdp_servers.conftest import Xrdp
    from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import RdpServer, SecurityLayer

PARAMETERS: dict[str, t.Any] = {
    "protocol": "rdp",
    "server_name": None,
    "expected_thumbprint": None,
    "address_type": "auto",
    "network_interface": None,
    "connect_timeout": 10.0,
    "wait": False,
    "required": False,
}


def probe(server: RdpServer, **changes: t.Any) -> dict[str, t.Any]:
    options = Options.from_parameters({**PARAMETERS, "address": server.address, "port": server.port, **changes})
    return probe_access(options, candidates=lambda: [server.address], deadline=Deadline(30)).thing


def thumbprint(certificate: Path) -> str:
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return found.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - an identifier


def causes(seen: dict[str, t.Any]) -> list[str]:
    return [warned["cause"] for warned in seen["warnings"]]


@pytest.mark.parametrize(
    ("security_layer", "selected", "accepted"),
    [("negotiate", "SSL", ["RDP", "SSL"]), ("tls", "SSL", ["SSL"]), ("rdp", "RDP", ["RDP"])],
)
def test_xrdp(security_layer: SecurityLayer, selected: str, accepted: list[str], real_xrdp: Xrdp) -> None:
    seen = probe(real_xrdp(security_layer))
    assert (seen["verified"], seen["cause"]) == (True, None)
    assert (seen["rdp"]["selected_protocol"], seen["rdp"]["accepted_protocols"]) == (selected, accepted)
    assert seen["rdp"]["nla"] == "off"
    assert causes(seen) == ["NlaOff", "CertificateSelfSigned" if selected == "SSL" else "TlsNotOffered"]
    assert (seen["tls"] is None) == (selected == "RDP")


def test_the_certificate_of_xrdp(real_xrdp: Xrdp) -> None:
    server = real_xrdp("tls")
    expected = probe(server, expected_thumbprint=thumbprint(server.certificate))
    other = probe(server, expected_thumbprint="AB" * 20)
    assert (expected["verified"], expected["tls"]["trusted"]) == (True, True)
    assert other["cause"] == "CertificateMismatch"


def test_xrdp_without_tls_has_no_certificate_to_expect(real_xrdp: Xrdp) -> None:
    server = real_xrdp("rdp")
    seen = probe(server, expected_thumbprint=thumbprint(server.certificate))
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, "tls", "TlsNotOffered")


def test_freerdp_with_network_level_authentication(shadow: RdpServer) -> None:
    seen = probe(shadow)
    expected = probe(shadow, expected_thumbprint=thumbprint(shadow.certificate), server_name=common_name(seen))
    assert (seen["verified"], seen["rdp"]["nla"]) == (True, "required")
    assert (seen["rdp"]["selected_protocol"], seen["rdp"]["accepted_protocols"]) == ("HYBRID", ["HYBRID"])
    assert "NlaOff" not in causes(seen)
    assert expected["tls"]["trusted"]


def test_freerdp_takes_the_right_credentials_only(shadow: RdpServer) -> None:
    """It closes the connection instead of giving a reason."""
    name, password = ACCOUNT
    accepted = probe(shadow, username=name, password=password)
    wrong = probe(shadow, username=name, password="another one")
    unknown = probe(shadow, username="nobody", password=password)
    assert (accepted["verified"], accepted["stage"], accepted["cause"]) == (True, "authenticate", None)
    assert accepted["authentication"]["credssp_version"] == 6
    for refused in (wrong, unknown):
        assert (refused["verified"], refused["cause"]) == (False, "AuthenticationClosed")
        assert (refused["authentication"]["sent"], refused["authentication"]["status"]) == (True, None)


def test_xrdp_can_not_check_credentials(real_xrdp: Xrdp) -> None:
    seen = probe(real_xrdp("tls"), username="azureuser", password="not sent")
    assert (seen["stage"], seen["cause"], seen["authentication"]) == ("authenticate", "NlaNotOffered", None)


def common_name(seen: dict[str, t.Any]) -> str:
    subject: str = seen["tls"]["certificate"]["subject"]
    return subject.partition("CN=")[2].partition(",")[0]
