# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One display and one server of each kind for all tests, which are skipped where their Debian packages are missing."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.azvm.access.plugins.module_utils._azure.clients import AzureClients
from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Desk
from ansible_collections.azvm.access.tests.integration.rdp_servers.client import Client
from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import (
    RdpServer,
    SecurityLayer,
    freerdp_shadow,
    missing_packages,
    virtual_display,
    xrdp,
)
from ansible_collections.azvm.access.tests.unit.probe.identities import issue_into

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Xrdp = t.Callable[[SecurityLayer], RdpServer]


@pytest.fixture(scope="session")
def packages() -> None:
    missing = missing_packages()
    if missing:
        pytest.skip(f"real RDP servers are needed: apt-get install --no-install-recommends {' '.join(missing)}")


@pytest.fixture(scope="session")
def display(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with virtual_display(tmp_path_factory.mktemp("display")) as found:
        yield found


@pytest.fixture
def client(display: str, tmp_path: Path) -> Client:
    return Client(display=display, home=tmp_path)


@pytest.fixture(scope="session")
def real_xrdp(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xrdp]:
    """The xrdp with one of the three security modes, started when first asked for."""
    servers: dict[SecurityLayer, RdpServer] = {}
    with contextlib.ExitStack() as running:

        def of(layer: SecurityLayer) -> RdpServer:
            if layer not in servers:
                folder = tmp_path_factory.mktemp(f"xrdp-{layer}")
                identity = issue_into(folder)("127.0.0.1").file
                servers[layer] = running.enter_context(xrdp(layer, certificate=identity, key=identity, folder=folder))
            return servers[layer]

        yield of


@pytest.fixture(scope="session")
def shadow(display: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RdpServer]:
    """FreeRDP's server, for the account of ``servers.ACCOUNT``."""
    with freerdp_shadow(folder=tmp_path_factory.mktemp("shadow"), display=display) as server:
        yield server


def _no_credentials() -> t.NoReturn:
    raise AssertionError("Azure was asked")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Where rdp_file writes, without Azure."""
    azure = AzureClients(_no_credentials, subscription=None, poll_interval=0.1, timeout=60)
    (tmp_path / "files").mkdir()
    return Desk(folder=tmp_path / "files", azure=azure)
