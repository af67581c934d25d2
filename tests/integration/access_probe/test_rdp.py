# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""access_probe of Remote Desktop against VMs in every state, found by the real SDKs."""

from __future__ import annotations

import json
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

    from local_azure.testing import Running

    Json = dict[str, t.Any]
    Probe = Callable[..., Json]

SCENARIO = Path(__file__).parents[1] / "scenarios" / "rdp-vms.yml"
GROUP = "access-rdp"


@pytest.fixture(scope="module")
def azure() -> Iterator[Running]:
    with running(str(SCENARIO), pace=0.002) as server:
        yield server


@pytest.fixture(scope="module")
def clients(azure: Running) -> Iterator[AzureClients]:
    with pytest.MonkeyPatch.context() as patch:
        for key, value in azure.env.items():
            patch.setenv(key, value)
        environment = read_env(azure.dir / "env.sh")
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
    seen = probe(name, connect_timeout=1.0)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, stage, cause)
    assert seen["hint"]


def test_on_the_port_it_was_moved_to(probe: Probe) -> None:
    seen = probe("moved", port=3390)
    assert (seen["verified"], seen["port"]) == (True, 3390)


PASSWORD = "Jane's own 1"


@pytest.mark.parametrize("username", ["jane", "GOOD\\jane", ".\\Jane"])
def test_credentials_that_are_accepted(probe: Probe, username: str) -> None:
    seen = probe("good", username=username, password=PASSWORD)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (True, "authenticate", None)
    assert seen["authentication"] | {"seconds": None} == {
        "accepted": True,
        "sent": True,
        "credssp_version": 6,
        "status": None,
        "seconds": None,
    }
    assert PASSWORD not in json.dumps(seen)


@pytest.mark.parametrize(
    ("username", "password", "cause", "status"),
    [
        ("jane", "not hers", "CredentialsRejected", "STATUS_LOGON_FAILURE"),
        ("nobody", PASSWORD, "CredentialsRejected", "STATUS_LOGON_FAILURE"),
        ("OTHER\\jane", PASSWORD, "CredentialsRejected", "STATUS_LOGON_FAILURE"),
        ("former", PASSWORD, "AccountDisabled", "STATUS_ACCOUNT_DISABLED"),
        ("guesser", "anything", "AccountLockedOut", "STATUS_ACCOUNT_LOCKED_OUT"),
        ("temporary", PASSWORD, "AccountExpired", "STATUS_ACCOUNT_EXPIRED"),
        ("sleeper", PASSWORD, "PasswordExpired", "STATUS_PASSWORD_EXPIRED"),
        ("newcomer", PASSWORD, "PasswordMustChange", "STATUS_PASSWORD_MUST_CHANGE"),
    ],
)
def test_credentials_that_are_refused(probe: Probe, username: str, password: str, cause: str, status: str) -> None:
    seen = probe("good", username=username, password=password)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, "authenticate", cause)
    assert seen["authentication"]["status"]["name"] == status
    assert username in seen["message"]


def test_a_wrong_password_is_tried_once(probe: Probe, azure: Running) -> None:
    """Also by who waits; the tenth time, the account is locked out."""

    def failed() -> int:
        guest = next(guest for key, guest in azure.state()["guests"].items() if key.endswith("/tls"))
        return next(int(user["failed_sign_ins"]) for user in guest["users"] if user["name"] == "azureuser")

    wrong = {"username": "azureuser", "password": "not this one", "wait": True}
    assert probe("tls", **wrong)["cause"] == "CredentialsRejected"
    assert failed() == 1
    assert [probe("tls", **wrong)["cause"] for _try in range(10)] == ["CredentialsRejected"] * 9 + ["AccountLockedOut"]
    assert failed() == 10


def test_credentials_where_none_can_be_checked(probe: Probe) -> None:
    seen = probe("rdp", username="azureuser", password="not sent")
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, "authenticate", "NlaNotOffered")
    assert seen["authentication"] is None
