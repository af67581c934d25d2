# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""az keyvault and az vm secret: vaults, what is in them, and how it comes into virtual machines."""

from __future__ import annotations

import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.witness.az.cli import Az
    from ansible_collections.azvm.access.tests.witness.az.conftest import Cloud

GROUP = "--resource-group access-demo"


def test_a_vault_is_changed_deleted_recovered_and_purged(az: Az, cloud: Cloud, vault: str) -> None:
    shown = az(f"keyvault show --name {vault}")["properties"]
    assert (shown["enabledForDeployment"], shown["enableRbacAuthorization"]) == (True, True)
    assert [one["name"] for one in az("keyvault list")] == [vault]
    az(f"keyvault update --name {vault} --enabled-for-template-deployment true")
    kept = cloud.properties(vault)
    assert (kept["enabledForDeployment"], kept["enabledForTemplateDeployment"]) == (True, True)
    assert "already exists" in az.refused(f"keyvault create {GROUP} --name {vault}")

    az(f"keyvault delete --name {vault}")
    assert [one["name"] for one in az("keyvault list-deleted")] == [vault]
    assert cloud.find(vault) is None
    az(f"keyvault recover --name {vault}")
    assert cloud.properties(vault)["enabledForTemplateDeployment"] is True
    az(f"keyvault delete --name {vault}")
    az(f"keyvault purge --name {vault}")
    assert az("keyvault list-deleted") == []


def test_a_secret_gets_versions_and_attributes(az: Az, cloud: Cloud, vault: str) -> None:
    secret = f"--vault-name {vault} --name word"
    first = az(f"keyvault secret set {secret} --value one --tags made=here")
    second = az(f"keyvault secret set {secret} --value two")
    assert az(f"keyvault secret show {secret}")["value"] == "two"
    assert az(f"keyvault secret show --id {first['id']}")["value"] == "one"
    ids = {one["id"] for one in az(f"keyvault secret list-versions {secret}")}
    assert ids == {first["id"], second["id"]}
    assert [one["name"] for one in az(f"keyvault secret list --vault-name {vault}")] == ["word"]
    az(f"keyvault secret set-attributes {secret} --enabled false")
    assert [one["enabled"] for one in cloud.kept(vault, "secrets")["word"]["versions"]] == [True, False]
    assert "SecretDisabled" in az.refused(f"keyvault secret show {secret}")


def test_a_secret_is_deleted_recovered_purged_and_restored(az: Az, cloud: Cloud, vault: str, tmp_path: Path) -> None:
    secret = f"--vault-name {vault} --name word"
    az(f"keyvault secret set {secret} --value one")
    az(f"keyvault secret delete {secret}")
    assert [one["name"] for one in az(f"keyvault secret list-deleted --vault-name {vault}")] == ["word"]
    assert {*cloud.kept(vault, "secrets")} == {"-word"}
    az(f"keyvault secret recover {secret}")
    az(f"keyvault secret download {secret} --file {tmp_path / 'word'}")
    assert (tmp_path / "word").read_text() == "one"
    az(f"keyvault secret backup {secret} --file {tmp_path / 'backup'}")
    az(f"keyvault secret delete {secret}")
    az(f"keyvault secret purge {secret}")
    assert cloud.kept(vault, "secrets") == {}
    az(f"keyvault secret restore --vault-name {vault} --file {tmp_path / 'backup'}")
    assert az(f"keyvault secret show {secret}")["value"] == "one"


def test_a_certificate_is_read_tagged_and_imported_again(
    az: Az, cloud: Cloud, vault: str, certificate: str, tmp_path: Path
) -> None:
    named = f"--vault-name {vault} --name {certificate}"
    shown = az(f"keyvault certificate show {named}")
    az(f"keyvault certificate download {named} --file {tmp_path / 'web.pem'}")
    downloaded = x509.load_pem_x509_certificate((tmp_path / "web.pem").read_bytes())
    thumbprint = downloaded.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a thumbprint, as Azure gives it
    assert shown["x509ThumbprintHex"] == thumbprint
    (listed,) = az(f"keyvault certificate list --vault-name {vault}")
    assert listed["x509ThumbprintHex"] == thumbprint
    (version,) = az(f"keyvault certificate list-versions {named}")
    assert version["id"] == shown["id"]
    assert az(f"keyvault certificate pending show {named}")["status"] == "completed"
    az(f"keyvault certificate set-attributes {named} --tags owner=witness")
    assert cloud.kept(vault, "certificates")[certificate]["versions"][-1]["tags"] == {"owner": "witness"}

    pfx = tmp_path / "web.pfx"
    az(f"keyvault secret download {named} --file {pfx} --encoding base64")
    copy = az(f"keyvault certificate import --vault-name {vault} --name copy --file {pfx}")
    assert copy["x509ThumbprintHex"] == thumbprint
    assert {*cloud.kept(vault, "certificates")} == {certificate, "copy"}


def test_a_certificate_is_deleted_recovered_purged_and_restored(
    az: Az, cloud: Cloud, vault: str, certificate: str, tmp_path: Path
) -> None:
    named = f"--vault-name {vault} --name {certificate}"
    az(f"keyvault certificate backup {named} --file {tmp_path / 'backup'}")
    az(f"keyvault certificate delete {named}")
    (listed,) = az(f"keyvault certificate list-deleted --vault-name {vault}")
    assert listed["name"] == certificate
    az(f"keyvault certificate recover {named}")
    assert {*cloud.kept(vault, "certificates")} == {certificate}
    az(f"keyvault certificate delete {named}")
    az(f"keyvault certificate purge {named}")
    assert cloud.kept(vault, "certificates") == {}
    az(f"keyvault certificate restore --vault-name {vault} --file {tmp_path / 'backup'}")
    assert {*cloud.kept(vault, "certificates")} == {certificate}


def test_a_vm_takes_a_certificate_and_keeps_it_when_the_reference_goes(
    az: Az, cloud: Cloud, vault: str, certificate: str
) -> None:
    vm, named = f"{GROUP} --name win1", f"--keyvault {vault} --certificate {certificate}"
    thumbprint = az(f"keyvault certificate show --vault-name {vault} --name {certificate}")["x509ThumbprintHex"]
    (added,) = az(f"vm secret add {vm} {named}")
    assert cloud.properties("win1")["osProfile"]["secrets"] == [added]
    assert [one["thumbprint"] for one in cloud.guest("win1")["certificates"]] == [thumbprint]
    assert az(f"vm secret list {vm}") == [added]
    assert az(f"vm secret remove {vm} {named}") == []
    assert cloud.properties("win1")["osProfile"]["secrets"] == []
    assert [one["thumbprint"] for one in cloud.guest("win1")["certificates"]] == [thumbprint]
