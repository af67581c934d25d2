# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stock clients against a machine's WinRM listener: pywinrm, pypsrp, and Ansible's own connection plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import winrm
import winrm.exceptions
from pypsrp.client import Client
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from local_azure.guest.machine import LocalUser, Machine

from .conftest import PASSWORD, VM, Site, allow_remote_admins, listen, make_certificate


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def session(site: Site, trust: Path, *, password: str = PASSWORD, user: str = "azureuser") -> winrm.Session:
    return winrm.Session(
        f"https://{site.address}:5986/wsman",
        auth=(user, password),
        transport="ntlm",
        ca_trust_path=str(trust),
        server_cert_validation="validate",
        proxy=None,
    )


def wsman(site: Site, trust: Path, *, auth: str = "ntlm", password: str = PASSWORD, user: str = "azureuser") -> WSMan:
    return WSMan(
        site.address,
        port=5986,
        username=user,
        password=password,
        auth=auth,
        ssl=True,
        cert_validation=str(trust),  # type: ignore[arg-type] # a path is documented, the annotation forgets it
        no_proxy=True,
        reconnection_retries=0,
    )


def whoami(site: Site, trust: Path, **options: str) -> str:
    return str(session(site, trust, **options).run_cmd("whoami").std_out.decode().strip())


@pytest.mark.parametrize("user", ["azureuser", "AzureUser", r".\azureuser", r"WIN1\azureuser"])
def test_pywinrm_runs_a_command_with_validation_on(listening: Site, trust: Path, user: str) -> None:
    assert whoami(listening, trust, user=user) == r"win1\azureuser"


def test_pywinrm_sees_exit_code_and_error_text(listening: Site, trust: Path) -> None:
    client = session(listening, trust)

    assert client.run_cmd("exit 3").status_code == 3
    assert client.run_ps("$env:COMPUTERNAME").std_out == b"WIN1\r\n"
    refused = client.run_cmd("del", ["/s", "C:\\"])

    assert refused.status_code == 1
    assert b"local Azure" in refused.std_err
    assert b"cannot run: del /s" in refused.std_err


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_pypsrp_runs_a_pipeline_and_a_command(listening: Site, trust: Path, auth: str) -> None:
    with Client(
        listening.address,
        username="azureuser",
        password=PASSWORD,
        auth=auth,
        ssl=True,
        cert_validation=str(trust),
        no_proxy=True,
    ) as client:
        output, streams, had_errors = client.execute_ps("hostname\nwhoami")
        stdout, stderr, code = client.execute_cmd("ver")

    assert output == "win1\nwin1\\azureuser"
    assert not had_errors
    assert not streams.error
    assert "Microsoft Windows [Version 10.0.20348" in stdout
    assert (stderr, code) == ("", 0)


def test_a_pipeline_this_guest_cannot_run_fails_with_a_reason(listening: Site, trust: Path) -> None:
    with wsman(listening, trust) as connection, RunspacePool(connection) as pool:
        shell = PowerShell(pool)
        shell.add_cmdlet("Get-Process")
        shell.invoke()

    assert shell.had_errors
    assert "cannot run: Get-Process" in str(shell.streams.error[0])


def test_several_pipelines_share_a_runspace_pool(listening: Site, trust: Path) -> None:
    with wsman(listening, trust) as connection, RunspacePool(connection) as pool:
        outputs = []
        for text in ("one", "two"):
            shell = PowerShell(pool)
            shell.add_script(f"Write-Output '{text}'")
            outputs += shell.invoke()
        available = pool.get_available_runspaces()

    assert outputs == ["one", "two"]
    assert available == 1


def test_wrong_password_is_refused(listening: Site, trust: Path) -> None:
    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        whoami(listening, trust, password="wrong")
    with pytest.raises(AuthenticationError), wsman(listening, trust, password="wrong") as connection:
        RunspacePool(connection).open()


def test_unknown_and_disabled_accounts_are_refused(listening: Site, trust: Path) -> None:
    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        whoami(listening, trust, user="nobody")
    listening.change(lambda machine: machine.set_user(replace(machine.users["azureuser"], enabled=False)))
    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        whoami(listening, trust)


def test_a_new_password_counts_at_once_and_connections_go_on(listening: Site, trust: Path) -> None:
    before = session(listening, trust)
    assert before.run_cmd("hostname").status_code == 0

    listening.change(lambda machine: machine.set_password("azureuser", "N3w:password"))

    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        whoami(listening, trust)
    assert whoami(listening, trust, password="N3w:password") == r"win1\azureuser"


def test_wrong_trust_file_ends_the_handshake(listening: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(make_certificate(address=listening.address).pem)

    with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
        whoami(listening, other)


def test_a_renewed_certificate_is_for_new_connections(listening: Site, trust: Path, tmp_path: Path) -> None:
    renewed = make_certificate(address=listening.address)
    new_trust = tmp_path / "renewed.pem"
    new_trust.write_bytes(renewed.pem)
    with wsman(listening, trust) as connection, RunspacePool(connection) as pool:
        assert PowerShell(pool).add_script("hostname").invoke() == ["win1"]

        listening.change(lambda machine: listen(machine, renewed))

        assert PowerShell(pool).add_script("hostname").invoke() == ["win1"]
        with pytest.raises(requests.exceptions.SSLError):
            whoami(listening, trust)
        assert whoami(listening, new_trust) == r"win1\azureuser"


@pytest.mark.parametrize(
    ("user", "policy", "admitted"),
    [
        (LocalUser(name="second", password=PASSWORD), False, False),
        (LocalUser(name="second", password=PASSWORD), True, True),
        (LocalUser(name="guest", password=PASSWORD, admin=False), True, False),
    ],
)
def test_only_administrators_with_a_full_token_get_a_shell(
    listening: Site, trust: Path, user: LocalUser, policy: bool, admitted: bool
) -> None:
    def prepare(machine: Machine) -> None:
        machine.set_user(user)
        if policy:
            allow_remote_admins(machine)

    listening.change(prepare)

    if admitted:
        assert whoami(listening, trust, user=user.name) == f"win1\\{user.name}"
    else:
        with pytest.raises(winrm.exceptions.WSManFaultError, match="Access is denied") as caught:
            whoami(listening, trust, user=user.name)
        assert caught.value.wsman_fault_code == 5


def test_basic_counts_only_when_it_is_switched_on(listening: Site, trust: Path) -> None:
    def code() -> int:
        client = session(listening, trust)
        client.protocol.transport.auth_method = "basic"
        return int(client.run_cmd("whoami").status_code)

    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        code()
    listening.change(lambda machine: machine.winrm.set_auth("Basic", True))
    assert code() == 0


def test_negotiate_switched_off_leaves_no_way_in(listening: Site, trust: Path) -> None:
    listening.change(lambda machine: machine.winrm.set_auth("Negotiate", False))

    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        whoami(listening, trust)


def test_a_runspace_needs_the_session_configuration(listening: Site, trust: Path) -> None:
    listening.call(lambda: setattr(listening.machine.winrm, "session_configuration", "missing"))

    with (
        pytest.raises(WSManFaultError, match=r"Cannot find the Microsoft\.PowerShell session configuration"),
        wsman(listening, trust) as connection,
    ):
        RunspacePool(connection).open()


def test_a_closed_shell_is_not_found_any_more(listening: Site, trust: Path) -> None:
    protocol = session(listening, trust).protocol
    shell = protocol.open_shell()
    protocol.close_shell(shell, close_session=False)

    with pytest.raises(winrm.exceptions.WSManFaultError, match="the shell was not found") as caught:
        protocol.run_command(shell, "whoami")
    assert caught.value.wsman_fault_code == 2150858843


def test_a_command_that_takes_longer_times_out_and_is_asked_again(listening: Site, trust: Path) -> None:
    client = winrm.Session(
        f"https://{listening.address}:5986/wsman",
        auth=("azureuser", PASSWORD),
        transport="ntlm",
        ca_trust_path=str(trust),
        operation_timeout_sec=1,
        read_timeout_sec=5,
        proxy=None,
    )
    protocol = client.protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "powershell", ["-Command", "Start-Sleep 1.5; hostname"])
    started = time.monotonic()

    with pytest.raises(winrm.exceptions.WinRMOperationTimeoutError):
        protocol.get_command_output_raw(shell, command)
    first = time.monotonic() - started
    stdout, _stderr, code = protocol.get_command_output(shell, command)

    assert 0.9 < first < 1.5
    assert (stdout, code) == (b"win1\r\n", 0)


def test_power_off_ends_connections(listening: Site, trust: Path) -> None:
    client = session(listening, trust)
    protocol = client.protocol
    shell = protocol.open_shell()

    listening.change(lambda machine: setattr(machine, "running", False))
    listening.change(lambda machine: setattr(machine, "running", True))

    with pytest.raises((requests.exceptions.ConnectionError, winrm.exceptions.WSManFaultError)):
        protocol.run_command(shell, "whoami")
    assert whoami(listening, trust) == r"win1\azureuser"


# Ansible itself, with its own connection plugins, as a person runs it


def ansible(site: Site, trust: Path, tmp_path: Path, connection: str, *, password: str = PASSWORD) -> tuple[int, str]:
    common: dict[str, object] = {
        "ansible_connection": connection,
        "ansible_host": site.address,
        "ansible_port": 5986,
        "ansible_user": "azureuser",
        "ansible_password": password,
    }
    variables: dict[str, dict[str, object]] = {
        "psrp": {
            "ansible_psrp_protocol": "https",
            "ansible_psrp_auth": "ntlm",
            "ansible_psrp_cert_validation": "validate",
            "ansible_psrp_ca_cert": str(trust),
            "ansible_psrp_ignore_proxy": True,
            "ansible_psrp_reconnection_retries": 0,
        },
        "winrm": {
            "ansible_winrm_scheme": "https",
            "ansible_winrm_transport": "ntlm",
            "ansible_winrm_server_cert_validation": "validate",
            "ansible_winrm_ca_trust_path": str(trust),
        },
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"win1": common | variables[connection]}}}), encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.0/8,localhost",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
    }
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "win1",
        "-i",
        str(inventory),
        "-m",
        "ansible.builtin.raw",
        "-a",
        "whoami",
    ]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("connection", ["psrp", "winrm"])
def test_ansible_runs_whoami(listening: Site, trust: Path, tmp_path: Path, connection: str) -> None:
    code, output = ansible(listening, trust, tmp_path, connection)

    assert code == 0, output
    assert r"win1\azureuser" in output
    assert listening.call(lambda: listening.guests._guests[VM].service.shells) == 0


@pytest.mark.parametrize("connection", ["psrp", "winrm"])
def test_ansible_is_unreachable_with_a_wrong_password(
    listening: Site, trust: Path, tmp_path: Path, connection: str
) -> None:
    code, output = ansible(listening, trust, tmp_path, connection, password="wrong")

    assert code == 4
    assert "UNREACHABLE" in output


@pytest.mark.parametrize("connection", ["psrp", "winrm"])
def test_ansible_is_unreachable_with_another_trust_file(listening: Site, tmp_path: Path, connection: str) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(make_certificate(address=listening.address).pem)

    code, output = ansible(listening, other, tmp_path, connection)

    assert code == 4
    assert "certificate verify failed" in output
