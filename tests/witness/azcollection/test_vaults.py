# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults, secrets and certificates, by azure_rm_keyvault, azure_rm_keyvaultsecret and azure_rm_keyvaultcertificate."""

from __future__ import annotations

import typing as t

from ansible_collections.azvm.access.tests.witness.azcollection.conftest import changed, ours, theirs

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.azcollection.conftest import Bench, Json

GROUP = "access-demo"
NAME = "witness-vault"
URI = f"https://{NAME}.vault.azure.net"
OUR_VM = {"resource_group": GROUP, "vm_name": "win1"}
POLICY = {
    "issuer_name": "self",
    "subject": "CN=witness.example.com",
    "key_type": "RSA",
    "key_size": 2048,
    "exportable": True,
    "reuse_key": False,
    "content_type": "application/x-pkcs12",
    "validity_in_months": 12,
    "enhanced_key_usage": ["1.3.6.1.5.5.7.3.1"],
    "key_usage": ["digitalSignature", "keyEncipherment"],
    "san_dns_names": ["witness.example.com"],
    "lifetime_actions": [{"action": "AutoRenew", "days_before_expiry": 30}],
}


def vault(bench: Bench, **more: t.Any) -> Json:
    """A vault as our modules make one."""
    return theirs(
        "keyvault",
        resource_group=GROUP,
        vault_tenant=bench.azure.server.env["AZURE_TENANT_ID"],
        sku={"name": "standard", "family": "A"},
        enable_rbac_authorization=True,
        enabled_for_deployment=True,
        **more,
    )


def secret(name: str, **more: t.Any) -> Json:
    return theirs("keyvaultsecret", keyvault_uri=URI, secret_name=name, **more)


def certificate(state: str, **more: t.Any) -> Json:
    return theirs("keyvaultcertificate", vault_uri=URI, name="made", state=state, **more)


def stored(bench: Bench, kind: str) -> dict[str, Json]:
    """The secrets or certificates of the vault, by name."""
    (found,) = [one for one in bench.azure.state()["vaults"] if one["vault"].endswith(f"/{NAME}")]
    return {one["name"]: one for one in found[kind]}


def test_their_vault_and_their_secret_in_our_hands(bench: Bench) -> None:
    made, again, info, first, first_again = bench.run(
        vault(bench, vault_name=NAME),
        vault(bench, vault_name=NAME),
        theirs("keyvault_info", resource_group=GROUP, name=NAME),
        secret("admin", secret_value="Witness-Pass-1!"),
        secret("admin", secret_value="Witness-Pass-1!"),
    )
    assert changed([made, again, first, first_again]) == [True, False, True, False]
    (told,) = info["keyvaults"]
    assert (told["name"], told["vault_uri"].rstrip("/"), told["enabled_for_deployment"]) == (NAME, URI, True)
    assert len(stored(bench, "secrets")["admin"]["versions"]) == 1

    bench.azure.mark()
    reset, reset_again, placed, placed_again, unchanged, seen = bench.run(
        ours("vm_access_reset", **OUR_VM, mode="password", vault_name=NAME, password_secret="admin"),
        ours("vm_access_reset", **OUR_VM, mode="password", vault_name=NAME, password_secret="admin"),
        ours("winrm_cert_keyvault", **OUR_VM, vault_name=NAME),
        ours("winrm_cert_keyvault", **OUR_VM, vault_name=NAME),
        vault(bench, vault_name=NAME),
        theirs("keyvaultsecret_info", vault_uri=URI, name="winrm-win1"),
    )
    assert changed([reset, reset_again, placed, placed_again, unchanged]) == [True, False, True, False, False]
    assert not [write for write in bench.azure.writes() if write.endswith(f"/vaults/{NAME}")]
    assert [one["sid"] for one in seen["secrets"]] == [placed["certificate"]["secret_url"]]


def test_our_vault_is_as_they_would_have_made_it(bench: Bench) -> None:
    placed, unchanged, again = bench.run(
        ours("winrm_cert_keyvault", **OUR_VM, vault_name=NAME, key_source="vault"),
        vault(bench, vault_name=NAME),
        ours("winrm_cert_keyvault", **OUR_VM, vault_name=NAME, key_source="vault"),
    )
    assert changed([placed, unchanged, again]) == [True, False, False]
    seen, bundle = bench.run(
        theirs("keyvaultcertificate_info", vault_uri=URI, name="winrm-win1"),
        theirs("keyvaultsecret_info", vault_uri=URI, name="winrm-win1"),
    )
    (told,) = seen["certificates"]
    assert told["policy"]["issuer_name"] == "Self"
    assert [one["content_type"] for one in bundle["secrets"]] == ["application/x-pkcs12"]


def test_the_life_of_a_secret(bench: Bench) -> None:
    _made, first, second, gone, back, back_again = bench.run(
        vault(bench, vault_name=NAME),
        secret("life", secret_value="one"),
        secret("life", secret_value="two", content_type="text/plain", tags={"team": "web"}),
        secret("life", state="absent"),
        secret("life", secret_value="two", recover_if_need=True),
        secret("life", secret_value="two"),
    )
    assert changed([first, second, gone, back, back_again]) == [True, True, True, True, False]
    assert back["state"]["status"] == "Recover"
    kept = stored(bench, "secrets")["life"]
    assert not kept["deleted"]
    assert [(one["contentType"], one["tags"]) for one in kept["versions"]] == [
        (None, {}),
        ("text/plain", {"team": "web"}),
    ]


def test_the_life_of_a_certificate(bench: Bench) -> None:
    _made, generated, again, gone, back, info = bench.run(
        vault(bench, vault_name=NAME),
        certificate("generate", policy=POLICY),
        certificate("generate", policy=POLICY),
        certificate("delete"),
        certificate("recover"),
        theirs("keyvaultcertificate_info", vault_uri=URI, name="made"),
    )
    assert changed([generated, again, gone, back]) == [True, False, True, True]
    (told,) = info["certificates"]
    assert told["cert_data"] == generated["certificate"]["cert_data"]
    assert told["policy"]["san_dns_names"] == POLICY["san_dns_names"]
    assert told["policy"]["key_usage"] == POLICY["key_usage"]
    kept = stored(bench, "certificates")["made"]
    assert (kept["deleted"], len(kept["versions"])) == (False, 1)
