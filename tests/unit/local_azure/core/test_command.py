# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command local-azure and a real server: start, stop, proxy, TLS, faults, clock, two instances."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from local_azure.core.wire import Json
from local_azure.home import Home
from local_azure.testing import Running, read_env, running

PATIENCE = 20.0
NOTHING_RUNNING = 3


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def server(shared: Running) -> Running:
    shared.command("reset", "--clear-journal")
    return shared


@contextmanager
def client(server: Running, host: str = "management.azure.com") -> Iterator[httpx.Client]:
    """A client that goes through the proxy and trusts the instance's authority alone."""
    context = ssl.create_default_context(cafile=server.env["REQUESTS_CA_BUNDLE"])
    with httpx.Client(
        proxy=server.env["HTTPS_PROXY"], verify=context, base_url=f"https://{host}", trust_env=False, timeout=PATIENCE
    ) as made:
        yield made


@contextmanager
def signed_in(server: Running) -> Iterator[httpx.Client]:
    env = server.env
    with client(server, "login.microsoftonline.com") as login:
        form = {
            "grant_type": "client_credentials",
            "client_id": env["AZURE_CLIENT_ID"],
            "client_secret": env["AZURE_CLIENT_SECRET"],
            "scope": "https://management.azure.com/.default",
        }
        token = login.post(f"/{env['AZURE_TENANT_ID']}/oauth2/v2.0/token", data=form).json()["access_token"]
    with client(server) as made:
        made.headers["Authorization"] = f"Bearer {token}"
        made.params = {"api-version": "2022-12-01"}
        yield made


def groups(server: Running) -> str:
    return f"/subscriptions/{server.env['AZURE_SUBSCRIPTION_ID']}/resourceGroups"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or only waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local_azure", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **more},
    )


def added(server: Running, *rule: str) -> Json:
    made: Json = json.loads(server.command("fault", "add", *rule).stdout)
    return made


class TestStartAndStop:
    def test_files_are_for_the_owner_alone(self, server: Running) -> None:
        assert server.dir.stat().st_mode & 0o777 == 0o700
        files = [server.dir / "env.sh", *(server.dir / "principals").iterdir()]
        assert {file.name for file in files} == {"env.sh", "default.sh", "contributor.sh", "reader.sh"}
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}

    def test_environment_has_what_clients_need(self, server: Running) -> None:
        env = read_env(server.dir / "env.sh")
        assert env["HTTPS_PROXY"] == env["https_proxy"]
        assert env["NO_PROXY"] == "127.0.0.0/8,localhost"
        assert env["AZURE_SECRET"] == env["AZURE_CLIENT_SECRET"]
        assert env["AZURE_TENANT"] == env["AZURE_TENANT_ID"]
        assert env["LOCAL_AZURE_DIR"] == str(server.dir)
        assert env["LOCAL_AZURE_VM_PASSWORD"]

    def test_starting_again_says_so_and_changes_nothing(self, server: Running) -> None:
        before = (server.dir / "env.sh").read_text()
        again = server.command("start")
        assert "was already running" in again.stdout
        assert (server.dir / "env.sh").read_text() == before
        assert json.loads(server.command("status").stdout)["scenario"] == "windows-vm"

    def test_stop_ends_it_and_can_be_repeated(self, tmp_path: Path) -> None:
        home = tmp_path / "azure"
        assert command("start", "--dir", str(home)).returncode == 0
        pid = json.loads((home / "server.json").read_text())["pid"]
        assert command("stop", "--dir", str(home)).returncode == 0
        until(lambda: has_ended(pid))
        assert not (home / "env.sh").exists()
        assert command("stop", "--dir", str(home)).returncode == 0
        assert command("status", "--dir", str(home)).returncode == NOTHING_RUNNING

    def test_a_killed_server_is_noticed_and_replaced(self, tmp_path: Path) -> None:
        home = tmp_path / "azure"
        assert command("start", "--dir", str(home)).returncode == 0
        os.kill(json.loads((home / "server.json").read_text())["pid"], signal.SIGKILL)
        assert Home(home).wait_until_free(PATIENCE)
        assert command("status", "--dir", str(home)).returncode == NOTHING_RUNNING
        assert "is running" in command("start", "--dir", str(home)).stdout
        assert command("stop", "--dir", str(home)).returncode == 0

    def test_a_stale_contact_file_harms_nobody(self, tmp_path: Path) -> None:
        home = tmp_path / "azure"
        home.mkdir()
        (home / "server.lock").touch()
        stale = {"pid": os.getpid(), "admin_port": 1, "proxy_port": 1, "token": "x"}
        (home / "server.json").write_text(json.dumps(stale))
        assert command("stop", "--dir", str(home)).returncode == 0  # and this process still lives
        assert not (home / "server.json").exists()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupted_start_leaves_nothing_running(self, tmp_path: Path, number: signal.Signals) -> None:
        home = tmp_path / "azure"
        arguments = ["start", "--dir", str(home), "--scenario", "fleet", "--count", "20000"]
        with subprocess.Popen(
            [sys.executable, "-m", "local_azure", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as starting:
            until(Home(home).is_held)
            starting.send_signal(number)
            assert starting.wait(PATIENCE) == 128 + number
            starting.communicate()
        assert not Home(home).is_held()

    def test_two_starts_at_once_make_one_server(self, tmp_path: Path) -> None:
        home = tmp_path / "azure"
        done: list[subprocess.CompletedProcess[str]] = []
        starts = [
            threading.Thread(target=lambda: done.append(command("start", "--dir", str(home)))) for _start in range(3)
        ]
        for one in starts:
            one.start()
        for one in starts:
            one.join()
        assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
        assert sum("was already running" in one.stdout for one in done) == 2
        assert command("stop", "--dir", str(home)).returncode == 0

    def test_in_the_foreground_until_it_is_told(self, tmp_path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "local_azure", "serve", "--dir", str(tmp_path / "azure")],
            stdout=subprocess.PIPE,
            text=True,
        ) as serving:
            assert serving.stdout is not None
            assert serving.stdout.readline() == "ready\n"
            serving.send_signal(signal.SIGINT)
            assert serving.wait(PATIENCE) == 0


class TestMistakes:
    """Each is one line, and leaves nothing running."""

    def refused(self, *arguments: str, **env: str) -> str:
        done = command(*arguments, **env)
        assert done.returncode == 1, done
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def test_port_taken(self, tmp_path: Path) -> None:
        home = tmp_path / "azure"
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            assert f"port {port} can't be used" in self.refused("start", "--dir", str(home), "--port", port)
        assert not Home(home).is_held()

    def test_directory_that_is_a_file_or_somebody_elses(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "can't be used" in self.refused("start", "--dir", str(tmp_path / "file"))
        assert "can't be used" in self.refused("start", "--dir", str(tmp_path / "file" / "below"))
        assert "is not empty" in self.refused("start", "--dir", str(tmp_path))

    def test_unknown_scenario(self, tmp_path: Path) -> None:
        text = self.refused("start", "--dir", str(tmp_path / "azure"), "--scenario", "nosuch")
        assert "windows-vm" in text
        assert not Home(tmp_path / "azure").is_held()

    @pytest.mark.parametrize(
        "arguments", [["state"], ["reset"], ["clock", "+1d"], ["fault", "list"], ["scenario", "fleet"]]
    )
    def test_nothing_is_running(self, tmp_path: Path, arguments: list[str]) -> None:
        done = command(*arguments, "--dir", str(tmp_path))
        assert (done.returncode, done.stderr) == (
            NOTHING_RUNNING,
            f"local-azure: no local Azure is running in {tmp_path}\n",
        )

    def test_no_directory_given(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "LOCAL_AZURE_DIR"}
        done = subprocess.run(
            [sys.executable, "-m", "local_azure", "status"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "--dir is needed" in done.stderr

    def test_wishes_that_the_server_refuses(self, server: Running) -> None:
        for arguments in (
            ["scenario", "nosuch"],
            ["grant", "--principal", "nobody", "--role", "Reader", "--scope", "subscription"],
            ["grant", "--principal", "reader", "--role", "King", "--scope", "subscription"],
            ["grant", "--principal", "reader", "--role", "Reader", "--scope", "everywhere"],
            ["fault", "add", "--action", "status", "--path", "("],
            ["fault", "clear", "--id", "7"],
        ):
            done = server.command(*arguments, check=False)
            assert done.returncode == 1, arguments
            assert done.stderr.count("\n") == 1, done.stderr
        assert json.loads(server.command("status").stdout)["scenario"] == "windows-vm"


class TestTraffic:
    def test_azures_names_over_verified_tls(self, server: Running) -> None:
        with signed_in(server) as arm:
            names = [one["name"] for one in arm.get(groups(server)).json()["value"]]
            assert "access-demo" in names
            assert arm.get(groups(server)).headers["date"]
        lines = server.journal()
        assert [line["host"] for line in lines] == ["login.microsoftonline.com", *["management.azure.com"] * 2]
        assert lines[1]["client_port"] == lines[2]["client_port"] != lines[0]["client_port"]
        assert server.journal(since=2) == lines[2:]

    def test_other_hosts_are_refused(self, server: Running) -> None:
        with client(server, "example.com") as other, pytest.raises(httpx.ProxyError, match="403"):
            other.get("/")
        with client(server, "no-such-vault.vault.azure.net") as vault, pytest.raises(httpx.ProxyError, match="502"):
            vault.get("/secrets")
        with httpx.Client(proxy=server.env["HTTPS_PROXY"], trust_env=False) as plain:
            assert plain.get("http://management.azure.com/").status_code == 403

    def test_a_client_that_does_not_trust_the_authority_gets_nothing(self, server: Running) -> None:
        with (
            httpx.Client(proxy=server.env["HTTPS_PROXY"], trust_env=False) as distrustful,
            pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            distrustful.get("https://management.azure.com/subscriptions")
        assert server.journal() == []

    def test_control_port_wants_the_token(self, server: Running) -> None:
        contact = json.loads((server.dir / "server.json").read_text())
        with httpx.Client(base_url=f"http://127.0.0.1:{contact['admin_port']}", trust_env=False) as admin:
            assert admin.post("/stop").status_code == 403
            assert admin.post("/stop", headers={"x-local-azure-token": "guess"}).status_code == 403
        assert server.command("status").returncode == 0

    def test_no_secret_in_journal_state_or_log(self, server: Running) -> None:
        with signed_in(server) as arm:
            token = arm.headers["Authorization"].split()[1]
            arm.get("/metadata/endpoints", params={"sig": "signature-value"})
        shown = server.command("journal").stdout + server.command("state").stdout
        shown += (server.dir / "server.log").read_text()
        assert "access-demo" in shown
        for secret in (
            token,
            "signature-value",
            *(server.env[name] for name in ("AZURE_SECRET", "LOCAL_AZURE_VM_PASSWORD")),
        ):
            assert secret not in shown


class TestFaults:
    def test_hold_keeps_the_answer_back_after_the_effect(self, server: Running) -> None:
        with signed_in(server) as arm, signed_in(server) as other:
            rule = added(server, "--action", "hold", "--nth", "1")
            answers: list[int] = []
            path = f"{groups(server)}/held"
            caller = threading.Thread(
                target=lambda: answers.append(arm.put(path, json={"location": "westeurope"}).status_code)
            )
            caller.start()
            until(lambda: server.journal(since=2) != [])
            assert other.get(path).status_code == 200
            assert answers == []
            server.command("fault", "clear", "--id", str(rule["id"]))
            caller.join(PATIENCE)
            assert answers == [201]

    def test_a_held_client_may_go_away(self, server: Running) -> None:
        with signed_in(server) as arm:
            added(server, "--action", "hold", "--nth", "1")
            with pytest.raises(httpx.ReadTimeout):
                arm.get(groups(server), timeout=0.3)
            assert arm.get(groups(server)).status_code == 200

    def test_resets_are_seen_as_such(self, server: Running) -> None:
        with signed_in(server) as arm:
            added(server, "--action", "reset-after", "--method", "PUT", "--times", "1")
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                arm.put(f"{groups(server)}/cut", json={"location": "westeurope"})
            assert arm.get(f"{groups(server)}/cut").status_code == 200
        assert [line["status"] for line in server.journal() if line["method"] == "PUT"] == [0]

    def test_rules_are_listed_with_what_they_did(self, server: Running) -> None:
        added(server, "--action", "delay", "--seconds", "0.01", "--path", "resourcegroups$")
        with signed_in(server) as arm:
            arm.get(groups(server))
        (rule,) = [json.loads(line) for line in server.command("fault", "list").stdout.splitlines()]
        assert (rule["action"], rule["seen"], rule["applied"]) == ("delay", 1, 1)
        assert server.command("fault", "clear").stdout == "1 cleared.\n"


class TestDriving:
    def test_clock_moves_tokens_and_dates(self, server: Running) -> None:
        with signed_in(server) as arm:
            before = datetime.fromisoformat(server.command("clock").stdout.strip())
            after = datetime.fromisoformat(server.command("clock", "+30d").stdout.strip())
            assert (after - before).days == 30
            refused = arm.get(groups(server))
            assert refused.json()["error"]["code"] == "ExpiredAuthenticationToken"
            assert refused.headers["date"].split()[1:4] == after.strftime("%d %b %Y").split()
        with signed_in(server) as arm:
            assert arm.get(groups(server)).status_code == 200

    @pytest.mark.parametrize("text", ["30d", "+30", "+", "-1d", "+1x"])
    def test_other_durations_are_wrong_usage(self, server: Running, text: str) -> None:
        assert server.command("clock", text, check=False).returncode == 2

    def test_reset_forgets_changes_and_keeps_credentials(self, server: Running) -> None:
        with signed_in(server) as arm:
            assert arm.put(f"{groups(server)}/extra", json={"location": "westeurope"}).status_code == 201
            server.command("reset")
            assert arm.get(f"{groups(server)}/extra").status_code == 404
        assert len(server.journal()) > 1

    def test_grant_counts_after_its_delay(self, server: Running) -> None:
        scope = f"{groups(server)}/access-demo"
        text = server.command(
            *("grant", "--principal", "reader", "--role", "Owner", "--scope", "group access-demo", "--delay", "60")
        ).stdout
        assert scope in text
        owners = [one for one in server.state()["assignments"] if one["role"] == "Owner"]
        assert [one["scope"] for one in owners] == [scope]

    def test_another_scenario_and_back(self, server: Running, tmp_path: Path) -> None:
        assert "fleet" in server.command("scenario", "fleet", "--count", "3").stdout
        guests = server.state()["guests"]
        assert [id.rpartition("/")[2] for id in guests] == ["win1", "win2", "win3"]
        scenario = tmp_path / "mine.yml"
        scenario.write_text("principals: [{name: default}, {name: helper}]")
        server.command("scenario", str(scenario))
        assert {file.stem for file in (server.dir / "principals").iterdir()} == {"default", "helper"}
        server.command("scenario", "windows-vm")
        (only,) = server.state()["guests"]
        assert only.endswith("/access-demo/providers/Microsoft.Compute/virtualMachines/win1")

    def test_state_shows_resources_and_the_inside_of_vms(self, server: Running) -> None:
        state = server.state()
        assert {one["name"] for one in state["resources"]} >= {"win1", "win1-nic", "win1-nsg", "subnet-nsg"}
        (guest,) = state["guests"].values()
        assert (guest["computer_name"], guest["running"], guest["rdp"]["enabled"]) == ("win1", True, True)


def test_instances_side_by_side_do_not_meet(server: Running) -> None:
    with running(latency_ms=1) as other:
        mine, theirs = (json.loads(one.command("status").stdout) for one in (server, other))
        assert mine["address_block"] != theirs["address_block"]
        assert mine["proxy_port"] != theirs["proxy_port"]
        with signed_in(other) as arm:
            arm.put(f"{groups(other)}/only-here", json={"location": "westeurope"})
        assert "only-here" not in server.command("state").stdout
        assert "only-here" in other.command("state").stdout
