# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating system images a scenario's virtual machines are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OsType = Literal["Windows", "Linux"]


@dataclass(frozen=True, kw_only=True)
class Image:
    """A marketplace image, and what its guest agent says about the system that was made from it.

    ``publisher``, ``offer``, ``sku`` and ``exact_version`` are an ARM imageReference. ``system_name`` and
    ``system_version`` are ``osName`` and ``osVersion`` of an instance view. ``disk_gib`` is the size of the OS disk,
    ``generation`` that of the virtual hardware.
    """

    os_type: OsType
    publisher: str
    offer: str
    sku: str
    exact_version: str
    system_name: str
    system_version: str
    agent_version: str
    disk_gib: int
    generation: Literal["V1", "V2"] = "V2"


def _windows(year: str, build: str, date: str) -> Image:
    return Image(
        os_type="Windows",
        publisher="MicrosoftWindowsServer",
        offer="WindowsServer",
        sku=f"{year}-datacenter-g2",
        exact_version=f"{build}.{date}",
        system_name=f"Windows Server {year} Datacenter",
        system_version=f"10.0.{build}",
        agent_version="2.7.41491.1135",
        disk_gib=127,
    )


def _ubuntu(offer: str, sku: str, exact_version: str, release: str) -> Image:
    return Image(
        os_type="Linux",
        publisher="Canonical",
        offer=offer,
        sku=sku,
        exact_version=exact_version,
        system_name="ubuntu",
        system_version=release,
        agent_version="2.11.1.12",
        disk_gib=30,
    )


IMAGES = {
    "windows-server-2016": _windows("2016", "14393.7259", "240810"),
    "windows-server-2019": _windows("2019", "17763.6189", "240811"),
    "windows-server-2022": _windows("2022", "20348.2655", "240810"),
    "windows-server-2025": _windows("2025", "26100.1742", "240920"),
    "ubuntu-22.04": _ubuntu("0001-com-ubuntu-server-jammy", "22_04-lts-gen2", "22.04.202404090", "22.04"),
    "ubuntu-24.04": _ubuntu("ubuntu-24_04-lts", "server", "24.04.202410170", "24.04"),
}
