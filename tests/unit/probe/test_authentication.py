# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe of Remote Desktop with credentials: what it sends, what it never sends, and each way to be refused."""

from __future__ import annotations

import builtins
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.deadline import Deadline
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput, MissingLibrary
from ansible_collections.azvm.access.plugins.module_utils._domain.probe import NotVerified
from ansible_collections.azvm.access.plugins.module_utils._domain.probe_credssp import (
    TsRequest,
    missing,
    public_key,
)
from ansible_collections.azvm.access.plugins.module_utils._operations.access_probe import Options, probe_access
from ansible_collections.azvm.access.tests.unit.probe.credssp_servers import (
    Acceptor,
    after_the_answer,
    after_the_hello,
)
from ansible_collections.azvm.access.tests.unit.probe.rdp_servers import rdp, selects, windows
from ansible_collections.azvm.access.tests.unit.probe.servers import Server, reset, says, silent, tls

if t.TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from ansible_collections.azvm.access.tests.unit.probe.identities import Identity, Issue
    from ansible_collections.azvm.access.tests.unit.probe.servers import Behaviour

USER, PASSWORD = "azureuser", "a password nobody sees"
PARAMETERS: dict[str, t.Any] = {
    "protocol": "rdp",
    "address": "127.0.0.1",
    "port": None,
    "server_name": None,
    "expected_thumbprint": None,
    "address_type": "auto",
    "network_interface": None,
    "connect_timeout": 2.0,
    "wait": False,
    "required": False,
    "username": USER,
    "password": PASSWORD,
}


@pytest.fixture(autouse=True)
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyspnego's acceptor finds them."""
    file = tmp_path / "accounts"
    file.write_text(f":{USER}:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


@pytest.fixture
def identity(issue: Issue) -> Identity:
    return issue("127.0.0.1")


def probe(identity: Identity, acceptor: Behaviour, **changes: t.Any) -> dict[str, t.Any]:
    """The acceptor is met twice: by who only reads the certificate, and leaves, and by who brings credentials."""
    with Server(rdp(windows(), tls(identity.context(), acceptor))) as server:
        options = Options.from_parameters({**PARAMETERS, "port": server.port, **changes})
        return probe_access(options, candidates=lambda: ["127.0.0.1"], deadline=Deadline(5)).thing


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6, 7])
def test_accepted_and_ended_before_the_password_is_handed_over(identity: Identity, version: int) -> None:
    acceptor = Acceptor(identity, version=version)
    seen = probe(identity, acceptor, expected_thumbprint=identity.thumbprint)
    assert (seen["verified"], seen["stage"], seen["cause"]) == (True, "authenticate", None)
    assert seen["message"].endswith("it accepts the credentials.")
    assert seen["authentication"]["credssp_version"] == min(version, 6)
    answer, then = acceptor.received
    assert answer is not None
    assert (answer.version, answer.auth_info, answer.client_nonce is not None) == (6, None, version >= 5)
    assert then is None
    assert PASSWORD not in repr(seen)


def test_a_wrong_password(identity: Identity) -> None:
    seen = probe(identity, Acceptor(identity), password="another one")
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, "authenticate", "CredentialsRejected")
    assert seen["authentication"]["status"] == {"code": "0xC000006D", "name": "STATUS_LOGON_FAILURE"}
    assert "the user name or the password is wrong (azureuser; STATUS_LOGON_FAILURE, 0xC000006D)." in seen["message"]


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (0xC0000064, "NoSuchUser"),
        (0xC0000234, "AccountLockedOut"),
        (0xC0000072, "AccountDisabled"),
        (0xC0000071, "PasswordExpired"),
        (0xC0000193, "AccountExpired"),
        (0xC0000224, "PasswordMustChange"),
        (0xC000006F, "OutsideLogonHours"),
        (0xC0000070, "WorkstationNotAllowed"),
        (0xC000006E, "AccountRestricted"),
        (0xC000015B, "LogonTypeNotGranted"),
        (0xC000005E, "NoLogonServers"),
        (0xC0000418, "NtlmBlocked"),
        (0xC00000E5, "AuthenticationRefused"),
    ],
)
def test_each_refusal_has_its_name(identity: Identity, status: int, cause: str) -> None:
    for signed in (True, False):
        seen = probe(identity, Acceptor(identity, status=status, signed=signed))
        assert (seen["stage"], seen["cause"]) == ("authenticate", cause)
        assert seen["authentication"]["status"]["code"] == f"0x{status:08X}"
        assert seen["hint"]


@pytest.mark.parametrize(
    ("acceptor", "cause", "sent"),
    [
        (after_the_hello(lambda _connection: None), "AuthenticationClosed", False),
        (reset, "AuthenticationClosed", False),
        (after_the_hello(silent), "AuthenticationSilent", False),
        (after_the_hello(says(b"HTTP/1.1 400 Bad Request\r\n\r\n", first=True)), "AuthenticationUnexpected", False),
        (after_the_hello(says(b"\x30\x03\xa0\x01\x02", first=True)), "AuthenticationUnexpected", False),
        (after_the_hello(says(b"\x30\x83\xff\xff\xff", first=True)), "AuthenticationUnexpected", False),
        (after_the_hello(says(b"\x30\x05\xa0\x03\x02\x01\x06", first=True)), "AuthenticationUnexpected", False),
        (after_the_answer(lambda _connection: None), "AuthenticationClosed", True),
        (after_the_answer(silent), "AuthenticationSilent", True),
        (after_the_answer(says(b"\x30\x05\xa0\x03\x02\x01\x06", first=True)), "ServerNotProven", True),
    ],
)
def test_servers_that_say_no_reason(identity: Identity, acceptor: Behaviour, cause: str, sent: bool) -> None:
    seen = probe(identity, acceptor, connect_timeout=0.6)
    assert (seen["stage"], seen["cause"]) == ("authenticate", cause)
    assert (seen["authentication"]["accepted"], seen["authentication"]["sent"]) == (False, sent)


@pytest.mark.parametrize("version", [4, 6])
def test_a_server_that_passes_on_what_another_one_says(identity: Identity, version: int) -> None:
    """It knows the password, or somebody who does, and shows a certificate whose key it does not have."""
    seen = probe(identity, Acceptor(identity, version=version, own_key=b"\x04another key"))
    assert (seen["verified"], seen["cause"]) == (False, "ServerNotProven")
    assert "another key" in seen["message"]


def test_no_credentials_go_to_another_certificate(identity: Identity) -> None:
    acceptor = Acceptor(identity)
    seen = probe(identity, acceptor, expected_thumbprint="AB" * 20)
    assert (seen["stage"], seen["cause"], seen["authentication"]) == ("tls", "CertificateMismatch", None)
    assert acceptor.received == []


def test_a_server_without_network_level_authentication(identity: Identity) -> None:
    acceptor = Acceptor(identity)
    with Server(rdp(lambda asked: selects(asked & 1), tls(identity.context(), acceptor))) as server:
        options = Options.from_parameters({**PARAMETERS, "port": server.port})
        seen = probe_access(options, candidates=lambda: ["127.0.0.1"], deadline=Deadline(5)).thing
    assert (seen["verified"], seen["stage"], seen["cause"]) == (False, "authenticate", "NlaNotOffered")
    assert seen["authentication"] is None


@pytest.mark.parametrize("acceptor", ["refuses", "closes"])
def test_one_try_only_however_long_it_may_wait(identity: Identity, acceptor: str) -> None:
    refusing = Acceptor(identity)
    behaviour = refusing if acceptor == "refuses" else after_the_answer(lambda _connection: None)
    with pytest.raises(NotVerified) as caught:
        probe(identity, behaviour, password="another one", wait=True, required=True)
    failure = caught.value.as_failure()
    assert failure["details"]["tries"] == 1
    assert not failure["message"].startswith("Gave up")
    assert "another one" not in repr(failure)


def test_before_the_credentials_are_sent_it_waits(identity: Identity) -> None:
    """As for a VM that is just starting."""
    behaviours: Iterator[Behaviour] = iter([reset, reset, reset, Acceptor(identity)])

    def next_one(connection: socket.socket) -> None:
        next(behaviours)(connection)

    seen = probe(identity, next_one, wait=True)
    assert (seen["verified"], seen["tries"]) == (True, 2)


@pytest.mark.parametrize(
    "changes",
    [{"password": None}, {"username": None}, {"password": ""}, {"username": ""}, {"protocol": "winrm"}],
)
def test_what_can_not_be_tried_is_refused(changes: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Options.from_parameters({**PARAMETERS, **changes})
    assert caught.value.code == "InvalidCredentials"


def test_the_options_do_not_show_the_password() -> None:
    options = Options.from_parameters(PARAMETERS)
    assert options.password == PASSWORD
    assert PASSWORD not in repr(options)


def test_without_pyspnego_nothing_is_sent(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: t.Any, **more: t.Any) -> t.Any:
        if name.partition(".")[0] == "spnego":
            raise ImportError("No module named 'spnego'")
        return real(name, *rest, **more)

    acceptor = Acceptor(identity)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingLibrary) as caught:
        probe(identity, acceptor)
    assert "pyspnego can't be imported" in caught.value.message
    assert "pip install pyspnego" in caught.value.hint
    assert acceptor.received == []


def test_messages_come_back_as_they_were() -> None:
    for size in (1, 127, 128, 300, 70000):
        message = TsRequest(version=6, token=b"t" * size, proof=b"p" * 32, nonce=b"n" * 32)
        assert TsRequest.decode(message.encode()) == message


@pytest.mark.parametrize("cut", range(0, 90, 7))
def test_a_message_that_is_cut_off_is_none(cut: int) -> None:
    whole = TsRequest(version=6, token=b"token", proof=b"p" * 32, nonce=b"n" * 32).encode()
    assert missing(whole) == 0
    assert missing(whole[:cut]) > 0
    with pytest.raises(ValueError, match=r"cut off|no value"):
        TsRequest.decode(whole[:cut])


def test_the_public_key_of_every_kind(issue: Issue) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    info = curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key(info) == curve.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    info = numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key(info) == numbers.public_bytes(Encoding.DER, PublicFormat.PKCS1)
