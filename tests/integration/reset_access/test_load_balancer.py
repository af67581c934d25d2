# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM that only a load balancer leads to, at other ports than its own: people sign in there, too."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.integration.compute.conftest import GROUP, NAME

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.reset_access.conftest import Job

VERSION = {"api-version": "2024-05-01"}
PORTS = {"rdp": (50001, 3389), "winrm": (50002, 5986)}


def put_behind_a_load_balancer(job: Job) -> None:
    """The VM's public address becomes that of a load balancer."""
    subscription = job.vm.control.server.env["AZURE_SUBSCRIPTION_ID"]
    network = f"/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Network"
    interface, front = f"{network}/networkInterfaces/{NAME}-nic", f"{network}/loadBalancers/front"
    with job.vm.control.client() as client:
        nic = client.get(interface, params=VERSION).raise_for_status().json()
        (configuration,) = nic["properties"]["ipConfigurations"]
        address = configuration["properties"].pop("publicIPAddress")
        client.put(interface, params=VERSION, json=nic).raise_for_status()
        frontend = {"id": f"{front}/frontendIPConfigurations/public"}
        rules = [
            {
                "name": name,
                "properties": {
                    "protocol": "Tcp",
                    "frontendPort": outside,
                    "backendPort": inside,
                    "frontendIPConfiguration": frontend,
                },
            }
            for name, (outside, inside) in PORTS.items()
        ]
        balancer = {
            "location": nic["location"],
            "sku": {"name": "Standard"},
            "properties": {
                "frontendIPConfigurations": [
                    {"name": "public", "properties": {"publicIPAddress": {"id": address["id"]}}}
                ],
                "inboundNatRules": rules,
            },
        }
        client.put(front, params=VERSION, json=balancer).raise_for_status()
        configuration["properties"]["loadBalancerInboundNatRules"] = [
            {"id": f"{front}/inboundNatRules/{name}"} for name in PORTS
        ]
        client.put(interface, params=VERSION, json=nic).raise_for_status()


def test_the_new_password_signs_in_where_the_load_balancer_leads(job: Job) -> None:
    trust = str(job.trust())
    put_behind_a_load_balancer(job)

    run = job.begin(
        reset_access_mode="both", reset_access_password="Battery-Staple-4", reset_access_trust_file=trust
    ).wait()

    result = run.succeeded().fact("reset_access_result")
    assert (result["rdp"]["port"], result["winrm"]["port"]) == (PORTS["rdp"][0], PORTS["winrm"][0])
    assert run.of("Sign in")["stdout"].strip() == f"{NAME}\\azureuser"
