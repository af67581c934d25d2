# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""access_probe of Remote Desktop against VMs in every state, found by the real SDKs."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.plugins.module_utils._azure.credentials import sign_in
from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._operations import access_probe
from ansible_collections.azvm.access.plugins.module_utils._operations.context import Context
from ansible_collections.azvm.access.plugins.modules import access_probe as module
from ansible_collections.azvm.access.tests.integration.support.documented import defaults
from local_azure.testing import read_env, running

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Json = dict[str, t.Any]
    Probe = Callable[..., Json]

SCENARIO = Path(__file__).parents[1] / "scenarios" / "rdp-vms.yml"
GROUP = "access-rdp"


@pytest.fixture(scope="module")
def clients() -> Iterator[AzureClients]:
    with running(str(SCENARIO), pace=0.002) as server, pytest.MonkeyPatch.context() as patch:
        for key, value in server.env.items():
            patch.setenv(key, value)
        environment = read_env(server.dir / "env.sh")
        made = AzureClients(sign_in({}, environment=environment), subscription=None, poll_interval=0.1, timeout=60)
        yield made
        made.compute.close()
        made.network.close()


@pytest.fixture
def probe(clients: AzureClients) -> Probe:
    """Probe a VM as the module does, with its documented defaults but for ``required``."""

    def run(name: str, **changed: t.Any) -> Json:
        parameters = {
            **defaults(module),
            "protocol": "rdp",
            "resource_group": GROUP,
            "vm_name": name,
            "connect_timeout": 0.5,
            "required": False,
            **changed,
        }
        context = Context(azure=clients, deadline=Deadline(60), check_mode=False)
        return access_probe.run(access_probe.Options.from_parameters(parameters), context).thing

    return run


def causes(seen: Json) -> set[str]:
    return {warned["cause"] for warned in seen["warnings"]}


OWN_CERTIFICATE = {"CertificateSelfSigned", "CertificateNameMismatch"}


def test_windows_as_azure_makes_it(probe: Probe) -> None:
    seen = probe("good")
    assert (seen["verified"], seen["stage"], seen["port"]) == (True, "tls", 3389)
    assert seen["rdp"]["selected_protocol"] == "HYBRID_EX"
    assert seen["rdp"]["accepted_protocols"] == ["HYBRID", "HYBRID_EX"]
    assert seen["rdp"]["nla"] == "required"
    assert seen["tls"]["certificate"]["subject"] == "CN=good"
    assert causes(seen) == OWN_CERTIFICATE


def test_with_the_certificate_that_windows_made(probe: Probe) -> None:
    """Whoever knows its thumbprint, from inside the VM, need not trust anybody; the computer's name is all it names."""
    thumbprint = probe("good")["tls"]["certificate"]["thumbprint"]
    seen = probe("good", expected_thumbprint=thumbprint, server_name="good")
    assert (seen["verified"], seen["warnings"], seen["tls"]["trusted"]) == (True, [], True)
    assert probe("good", expected_thumbprint=thumbprint)["cause"] == "CertificateNameMismatch"
    assert probe("good", expected_thumbprint="AB" * 20)["cause"] == "CertificateMismatch"


@pytest.mark.parametrize(
    ("name", "protocols", "nla", "warned"),
    [
        (
            "open",
            ("HYBRID_EX", ["RDP", "SSL", "HYBRID", "HYBRID_EX"]),
            "supported",
            {*OWN_CERTIFICATE, "NlaNotRequired"},
        ),
        ("tls", ("HYBRID_EX", ["SSL", "HYBRID", "HYBRID_EX"]), "supported", {*OWN_CERTIFICATE, "NlaNotRequired"}),
        ("rdp", ("RDP", ["RDP"]), "off", {"NlaOff", "TlsNotOffered"}),
    ],
)
def test_other_security(probe: Probe, name: str, protocols: tuple[str, list[str]], nla: str, warned: set[str]) -> None:
    seen = probe(name)
    assert seen["verified"]
    assert (seen["rdp"]["selected_protocol"], seen["rdp"]["accepted_protocols"]) == protocols
    assert seen["rdp"]["nla"] == nla
    assert causes(seen) == warned


@pytest.mark.parametrize(
    ("name", "stage", "cause"),
    [
        ("deallocated", "resolve", "VmNotRunning"),
        ("moved", "tcp", "TcpClosed"),
        ("off", "tcp", "TcpClosed"),
        ("stopped", "tcp", "TcpClosed"),
        ("walled", "tcp", "TcpFiltered"),
        ("shut", "tcp", "TcpFiltered"),
        ("hangs", "negotiate", "NegotiationSilent"),
        ("drops", "negotiate", "NegotiationClosed"),
        ("bare", "negotiate", "NoServerCertificate"),
        ("locked", "tls", "TlsClosed"),
    ],
)
def test_where_it_stops(probe: Probe, name: str, stage: str, cause: str) -> None:
    seen = probe(name)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, stage, cause)
    assert seen["hint"]


def test_on_the_port_it_was_moved_to(probe: Probe) -> None:
    seen = probe("moved", port=3390)
    assert (seen["verified"], seen["port"]) == (True, 3390)
