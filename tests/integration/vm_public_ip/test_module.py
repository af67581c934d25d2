# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as ansible-playbook runs it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

from ansible_collections.azvm.access.plugins.modules import vm_public_ip as module
from ansible_collections.azvm.access.tests.integration.support.controller import MARK, Controller
from ansible_collections.azvm.access.tests.integration.support.preloaded import Preloaded

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.vm_public_ip.conftest import Bench

PLAY = Path(__file__).parent / "plays" / "life.yml"


def test_the_life_of_an_address(bench: Bench, tmp_path: Path) -> None:
    environment = bench.control.server.env
    with (
        Preloaded(MARK) as preloaded,
        Controller(folder=tmp_path / "controller", environment=environment, preloaded=preloaded) as controller,
    ):
        finished = controller.play(PLAY, "--diff").succeeded()
    predicted, made = finished.of("Predicted"), finished.of("Made")
    assert predicted["changed"]
    assert predicted["diff"] == made["diff"]
    assert made["diff"]["before"] == {}
    assert made["diff"]["after"]["name"] == "full-ip"

    again = finished.of("Again")
    assert not again["changed"]
    assert again["public_address"] == made["public_address"]
    assert set(made["public_address"]) == set(yaml.safe_load(module.RETURN)["public_address"]["contains"])

    named = finished.of("Named")
    assert named["diff"]["before"]["domain_name_label"] is None
    assert named["public_address"]["fqdn"] == "full-access.westeurope.cloudapp.azure.com"

    (refused,) = finished.failures()
    assert refused.result["failure"]["code"] == "OtherAddressAttached"
    assert refused.result["msg"].endswith("(state: absent with name: full-ip).")

    gone = finished.of("Taken back")
    assert gone["changed"]
    assert gone["diff"]["after"] == {}
    assert "full-ip" not in bench.addresses()
