# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's own state: accounts, certificates, services behind ports."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES

from local_azure.guest.machine import LocalUser, Machine
from local_azure.guest.winrm import Listener, WinRmError

from .conftest import make_certificate, make_machine

LEGACY = (
    PrivateFormat.PKCS12.encryption_builder()
    .kdf_rounds(2000)
    .key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
    .hmac_hash(hashes.SHA1())  # noqa: S303 - what old tools write
    .build(b"secret")
)


def test_a_fresh_machine_listens_for_rdp_and_plain_winrm() -> None:
    machine = make_machine()

    assert {port: service.kind for port, service in machine.listening().items()} == {3389: "rdp", 5985: "winrm-http"}
    assert vars(machine.winrm.auth) == {
        "basic": False,
        "kerberos": True,
        "negotiate": True,
        "certificate": False,
        "credssp": False,
    }
    assert not machine.winrm.allow_unencrypted
    assert not machine.remote_admins_allowed


def test_every_change_is_told() -> None:
    machine = make_machine()
    told: list[str] = []
    machine.on_change(lambda: told.append("change"))

    machine.running = False
    machine.set_password("AzureUser", "x")
    machine.install_certificate("My", make_certificate().pfx(), None)
    machine.run_script("", {})

    assert len(told) == 4
    assert machine.users["azureuser"].password == "x"
    assert machine.listening() == {}


def test_setting_the_password_of_nobody_fails() -> None:
    with pytest.raises(KeyError):
        make_machine().set_password("nobody", "x")


def test_a_dump_holds_no_secret() -> None:
    machine = make_machine()
    thumbprint = machine.install_certificate("My", make_certificate().pfx(), None)

    dump = str(machine.describe())

    assert thumbprint in dump
    assert machine.users["azureuser"].password not in dump
    assert "PRIVATE" not in dump


@pytest.mark.parametrize("store", ["My", "MY", "my"])
def test_a_pfx_lands_in_its_store_with_its_key(store: str) -> None:
    machine, certificate = make_machine(), make_certificate()

    thumbprint = machine.install_certificate(store, certificate.pfx(), None)

    installed = machine.certificate("My", f" {thumbprint.lower()} ")
    assert thumbprint == certificate.thumbprint
    assert installed is not None
    assert installed.key is not None
    assert installed.certificate == certificate.certificate
    assert (installed.subject, installed.common_name, installed.dns_names) == ("CN=win1", "win1", ("win1",))
    assert installed.ip_addresses == ("127.0.0.1",)


@pytest.mark.parametrize("encryption", [BestAvailableEncryption(b"secret"), LEGACY], ids=["modern", "legacy"])
def test_encrypted_pfx_need_their_password(encryption: BestAvailableEncryption) -> None:
    machine, certificate = make_machine(), make_certificate()
    pfx = certificate.pfx(encryption)

    assert machine.install_certificate("My", pfx, b"secret") == certificate.thumbprint
    for wrong in (b"wrong", None):
        with pytest.raises(ValueError, match="not a PFX"):
            machine.install_certificate("My", pfx, wrong)


@pytest.mark.parametrize("content", [b"", b"{}", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_pfx_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a PFX"):
        make_machine().install_certificate("My", content, None)


def https(thumbprint: str, **fields: object) -> Listener:
    return Listener(
        **({"transport": "HTTPS", "port": 5986, "hostname": "win1", "certificate_thumbprint": thumbprint} | fields)  # type: ignore[arg-type]
    )


def create(machine: Machine, listener: Listener) -> None:
    found = machine.certificate("My", listener.certificate_thumbprint)
    machine.winrm.create(listener, found, remote_desktop_port=machine.rdp.port)


def test_an_https_listener_needs_the_certificate_it_names() -> None:
    machine = make_machine()
    thumbprint = machine.install_certificate("My", make_certificate().pfx(), None)

    with pytest.raises(WinRmError, match="Cannot find the certificate"):
        create(machine, https("00" * 20))
    with pytest.raises(WinRmError, match="CN and the hostname"):
        create(machine, https(thumbprint, hostname="other"))
    with pytest.raises(WinRmError, match="CN and the hostname"):
        create(machine, https(thumbprint, hostname=""))
    with pytest.raises(WinRmError, match="used by another process"):
        create(machine, https(thumbprint, port=3389))
    with pytest.raises(WinRmError, match="appropriate certificate"):
        create(machine, https(""))
    machine.winrm.ssl_bindings[5986] = "AB"
    with pytest.raises(WinRmError, match="shared with another service"):
        create(machine, https(thumbprint))
    machine.winrm.ssl_bindings.clear()

    create(machine, https(thumbprint, hostname="WIN1"))

    assert machine.listening()[5986].kind == "winrm-https"
    with pytest.raises(WinRmError, match="already exists"):
        create(machine, https(thumbprint, port=5987))


def test_group_policy_and_a_stopped_service_forbid_changes() -> None:
    winrm = make_machine().winrm
    winrm.policy.add("Basic")
    winrm.listeners[0] = Listener(transport="HTTP", port=5985, source="GPO")

    with pytest.raises(WinRmError, match="controlled by policies"):
        winrm.set_auth("Basic", False)
    with pytest.raises(WinRmError, match="controlled by policies"):
        winrm.remove("*", "HTTP")
    winrm.running = False
    with pytest.raises(WinRmError, match="cannot connect"):
        winrm.set_auth("Negotiate", True)
    winrm.start_type = "Disabled"
    with pytest.raises(WinRmError, match="cannot be started"):
        winrm.start()


@pytest.mark.parametrize(("start_type", "running"), [("Automatic", True), ("Manual", False)])
def test_after_a_restart_winrm_runs_when_its_start_is_automatic(start_type: str, running: bool) -> None:
    machine = make_machine()
    machine.winrm.start_type = start_type  # type: ignore[assignment]
    machine.running = False
    machine.running = True

    assert machine.winrm.running is running


def test_the_certificate_of_remote_desktop_is_renewed_when_it_has_expired() -> None:
    real = make_machine().now
    offset = timedelta()
    machine = Machine(computer_name="win1", users=[LocalUser(name="u", password="p")], now=lambda: real() + offset)
    first = machine.rdp_certificate()
    assert first is not None
    assert machine.rdp_certificate() is first

    offset = timedelta(days=200)

    second = machine.rdp_certificate()
    assert second is not None
    assert second.not_after > machine.now() > first.not_after
