# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""osProfile.secrets: what is refused at once, what makes the update fail, and what reaches the machine."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from .conftest import Scene, SceneMaker, json_form, make_pfx

URL = "https://certs-vault.vault.azure.net/secrets/winrm/0123456789abcdef0123456789abcdef"


def group(scene: Scene, *urls: str, vault: str = "certs-vault", store: str | None = "My") -> dict[str, Any]:
    kept = {"certificateStore": store} if store is not None else {}
    certificates = [{"certificateUrl": url, **kept} for url in urls]
    return {"sourceVault": {"id": scene.vault_id(vault)}, "vaultCertificates": certificates}


def stores(scene: Scene) -> list[tuple[str, str]]:
    return sorted((store, one.common_name) for (store, _thumbprint), one in scene.machine.certificates.items())


# Refused at once


def test_the_same_vault_twice(scene: Scene) -> None:
    answer = scene.patch_secrets([group(scene, URL), group(scene, URL + "0", vault="CERTS-vault")])
    vault = scene.vault_id("CERTS-vault")
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "code": "InvalidParameter",
        "message": f"List secrets contains repeated instances of {vault}, which is disallowed.",
        "target": "sourceVault.id",
    }


def test_the_same_certificate_twice_in_a_store(scene: Scene) -> None:
    repeated = group(scene, URL, URL.replace("winrm", "WinRM"))
    answer = scene.patch_secrets([repeated])
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert message.startswith("List vaultCertificates contains repeated instances of (https://")
    assert message.endswith(", my), which is disallowed.")
    assert answer.json()["error"]["target"] == "vaultCertificates"


@pytest.mark.parametrize(
    "url",
    [
        "https://certs-vault.vault.azure.net/secrets/winrm",
        "https://certs-vault.vault.azure.net/certificates/winrm/0123456789abcdef0123456789abcdef",
        "http://certs-vault.vault.azure.net/secrets/winrm/0123456789abcdef0123456789abcdef",
        "winrm",
    ],
)
def test_urls_that_are_not_of_a_secret_version(scene: Scene, url: str) -> None:
    answer = scene.patch_secrets([group(scene, url)])
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["target"]) == (400, "InvalidParameter", "certificateUrl")
    assert error["message"].startswith(f"{url} is not a valid versioned Key Vault Secret URL.")


@pytest.mark.parametrize(
    ("secrets", "target"),
    [
        ("text", "secrets"),
        ([{}], "sourceVault"),
        ([{"sourceVault": {"id": "certs-vault"}}], "sourceVault.id"),
    ],
)
def test_malformed_secrets(scene: Scene, secrets: object, target: str) -> None:
    answer = scene.patch_secrets(secrets)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["target"]) == (400, "InvalidParameter", target)


def test_groups_and_certificates_that_lack_something(scene: Scene) -> None:
    for broken, target in (
        ({**group(scene, URL), "sourceVault": {"id": scene.vm_id}}, "sourceVault.id"),
        (group(scene), "vaultCertificates"),
        ({**group(scene), "vaultCertificates": [{"certificateStore": "My"}]}, "certificateUrl"),
        (group(scene, URL, store=None), "certificateStore"),
    ):
        answer = scene.patch_secrets([broken])
        assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)


def test_linux_takes_no_store(make_scene: SceneMaker) -> None:
    scene = make_scene(image="ubuntu-22.04")
    answer = scene.patch_secrets([group(scene, URL)])
    assert answer.json()["error"]["message"] == "Parameter 'certificateStore' is not allowed."


def test_a_vault_of_another_subscription(make_scene: SceneMaker) -> None:
    scene = make_scene(principals=[{"name": "default", "roles": [{"role": "Owner", "scope": "/"}]}])
    subscription = scene.made.azure.settings.subscription_id
    other = "11111111-1111-1111-1111-111111111111"
    vault = {"id": scene.vault_id("certs-vault").replace(subscription, other)}
    answer = scene.patch_secrets([{**group(scene, URL), "sourceVault": vault}])
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        f"The SubscriptionId:{subscription} of the request must match the SubscriptionId {other} "
        "contained in the Key Vault Id."
    )


def test_certificates_need_a_provisioned_agent(make_scene: SceneMaker) -> None:
    scene = make_scene(provision_vm_agent=False)
    answer = scene.patch_secrets([group(scene, URL)])
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Certificates cannot be added to your VM")


def test_the_caller_needs_the_right_to_deploy_from_the_vault(make_scene: SceneMaker) -> None:
    scene = make_scene(
        principals=[
            {"name": "default", "roles": [{"role": "Owner", "scope": "subscription"}]},
            {"name": "operator", "roles": [{"role": "Virtual Machine Contributor", "scope": "subscription"}]},
        ]
    )
    answer = scene.patch_secrets([group(scene, URL)], principal="operator")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "LinkedAuthorizationFailed")
    assert "'Microsoft.KeyVault/vaults/deploy/action'" in error["message"]
    assert scene.patch_secrets([], principal="operator").status_code == 200


# Failures of the update


def fail(scene: Scene, secrets: object) -> dict[str, Any]:
    """The error with which an update to ``secrets`` fails; also checks what it leaves behind."""
    before = scene.vm.properties["osProfile"]["secrets"]
    answer = scene.patch_secrets(secrets)
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    document = scene.ended(answer)
    assert document["status"] == "Failed"
    now = scene.call("GET", expand="instanceView").json()
    assert now["properties"]["provisioningState"] == "Failed"
    assert now["properties"]["osProfile"]["secrets"] == before
    status = now["properties"]["instanceView"]["statuses"][0]
    assert status["code"] == f"ProvisioningState/failed/{document['error']['code']}"
    error: dict[str, Any] = document["error"]
    return error


def test_a_vault_that_is_not_enabled_for_deployment(scene: Scene, pfx: bytes) -> None:
    url = scene.store_secret("closed-vault", json_form(pfx))
    error = fail(scene, [group(scene, url, vault="closed-vault")])
    assert error["code"] == "KeyVaultAccessForbidden"
    assert error["message"].startswith(f"Key Vault {url} either has not been enabled for deployment")


def test_a_url_of_another_vault_than_the_source_vault(scene: Scene, pfx: bytes) -> None:
    url = scene.store_secret("other-vault", json_form(pfx))
    assert fail(scene, [group(scene, url)])["code"] == "KeyVaultAccessForbidden"


def test_a_vault_that_does_not_exist(scene: Scene) -> None:
    url = URL.replace("certs-vault", "nowhere")
    assert fail(scene, [group(scene, url, vault="nowhere")])["code"] == "KeyVaultAccessForbidden"


def test_a_vault_closed_to_trusted_services(scene: Scene, pfx: bytes) -> None:
    url = scene.store_secret("certs-vault", json_form(pfx))
    body = {"properties": {"networkAcls": {"defaultAction": "Deny", "bypass": "None"}}}
    path = scene.vault_id("certs-vault")
    assert scene.client.patch(path, params={"api-version": "2024-11-01"}, json=body).status_code < 300
    assert fail(scene, [group(scene, url)])["code"] == "KeyVaultAccessForbidden"
    body = {"properties": {"networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"}}}
    assert scene.client.patch(path, params={"api-version": "2024-11-01"}, json=body).status_code < 300
    scene.succeed(scene.patch_secrets([group(scene, url)]))


def test_a_vault_in_another_region(scene: Scene, pfx: bytes) -> None:
    url = scene.store_secret("far-vault", json_form(pfx))
    assert fail(scene, [group(scene, url, vault="far-vault")])["code"] == "KeyVaultAndVMInDifferentRegions"


def test_a_secret_version_that_does_not_exist(scene: Scene) -> None:
    error = fail(scene, [group(scene, URL)])
    assert error == {
        "code": "KeyVaultSecretDoesNotExist",
        "message": f"The Key Vault secret referenced with the URL {URL} does not exist.",
    }


def test_disabled_expired_and_early_secrets(scene: Scene, pfx: bytes) -> None:
    now = scene.made.azure.clock.now()
    for attributes in (
        {"enabled": False},
        {"expires": now - timedelta(minutes=1)},
        {"not_before": now + timedelta(minutes=1)},
    ):
        url = scene.store_secret("certs-vault", json_form(pfx), **attributes)
        assert fail(scene, [group(scene, url)])["code"] == "KeyVaultAccessForbidden"


@pytest.mark.parametrize(
    "value",
    [
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        '{"data": "", "dataType": "pfx"}',
        base64.b64encode(b"-----BEGIN PRIVATE KEY-----").decode(),
        base64.b64encode(make_pfx(password=None)).decode(),  # a bare PFX needs its content type
        json_form(b"not a PFX"),
        json_form(make_pfx(), password="wrong"),
        json_form(make_pfx(), dataType="pem"),
        json_form(make_pfx(), data=None),
        json_form(make_pfx(with_key=False)),
    ],
    ids=["PEM", "plain JSON", "PEM in base64", "bare PFX", "no PFX", "password", "type", "no data", "no key"],
)
def test_secrets_that_hold_no_usable_pfx(scene: Scene, value: str) -> None:
    url = scene.store_secret("certs-vault", value)
    assert fail(scene, [group(scene, url)])["code"] == "CertificateImproperlyFormatted"


def test_a_failed_machine_recovers_with_the_next_good_update(scene: Scene, pfx: bytes) -> None:
    fail(scene, [group(scene, URL)])
    url = scene.store_secret("certs-vault", json_form(pfx))
    scene.succeed(scene.patch_secrets([group(scene, url)]))
    assert scene.call("GET").json()["properties"]["provisioningState"] == "Succeeded"


# What reaches the machine


def test_both_forms_of_secret_are_installed_where_they_belong(make_scene: SceneMaker) -> None:
    scene = make_scene(pace=1.0)
    classic = scene.store_secret("certs-vault", json_form(make_pfx("classic")))
    bare = base64.b64encode(make_pfx("bare", None)).decode()
    own = scene.store_secret("other-vault", bare, "application/x-pkcs12")
    secrets = [group(scene, classic), group(scene, own, vault="other-vault", store="Root")]
    answer = scene.patch_secrets(secrets)
    assert stores(scene) == []
    scene.succeed(answer)
    assert stores(scene) == [("my", "classic"), ("root", "bare")]
    assert scene.call("GET").json()["properties"]["osProfile"]["secrets"] == secrets


def test_dropping_a_reference_leaves_the_certificate(scene: Scene, pfx: bytes) -> None:
    url = scene.store_secret("certs-vault", json_form(pfx))
    scene.succeed(scene.patch_secrets([group(scene, url)]))
    scene.succeed(scene.patch_secrets([]))
    assert stores(scene) == [("my", "win1")]
    assert scene.call("GET").json()["properties"]["osProfile"]["secrets"] == []


def test_a_known_reference_is_not_read_again(scene: Scene, pfx: bytes) -> None:
    soon = scene.made.azure.clock.now() + timedelta(minutes=10)
    first = scene.store_secret("certs-vault", json_form(pfx), expires=soon)
    scene.succeed(scene.patch_secrets([group(scene, first)]))
    scene.made.azure.clock.advance(timedelta(minutes=20))
    second = scene.store_secret("certs-vault", json_form(make_pfx("renewed")))
    scene.succeed(scene.patch_secrets([group(scene, first, second)]))
    assert stores(scene) == [("my", "renewed"), ("my", "win1")]


def test_a_deallocated_machine_gets_its_certificates_when_it_starts(make_scene: SceneMaker, pfx: bytes) -> None:
    scene = make_scene(power="deallocated")
    url = scene.store_secret("certs-vault", json_form(pfx))
    scene.succeed(scene.patch_secrets([group(scene, url)]))
    assert stores(scene) == []
    scene.succeed(scene.call("POST", "/start"))
    assert stores(scene) == [("my", "win1")]


def test_a_deallocated_machine_does_not_start_without_its_secrets(make_scene: SceneMaker, pfx: bytes) -> None:
    scene = make_scene(power="deallocated")
    url = scene.store_secret("certs-vault", json_form(pfx))
    scene.succeed(scene.patch_secrets([group(scene, url)]))
    vault = scene.made.azure.vaults.named("certs-vault")
    assert vault is not None
    scene.made.azure.vaults.contents(vault).secrets.clear()
    document = scene.ended(scene.call("POST", "/start"))
    assert (document["status"], document["error"]["code"]) == ("Failed", "KeyVaultSecretDoesNotExist")
    assert scene.power() == "PowerState/deallocated"


def test_a_later_update_is_not_undone_by_the_failure_of_an_earlier_one(make_scene: SceneMaker, pfx: bytes) -> None:
    scene = make_scene(pace=1.0)
    good = [group(scene, scene.store_secret("certs-vault", json_form(pfx)))]
    first = scene.patch_secrets([group(scene, URL)])
    second = scene.patch_secrets(good)
    assert scene.ended(first)["status"] == "Failed"
    assert scene.status(second)["status"] == "Succeeded"
    assert scene.call("GET").json()["properties"]["osProfile"]["secrets"] == good
    assert stores(scene) == [("my", "win1")]
