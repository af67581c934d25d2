# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a certificate: predicted, made, left alone, changed, renewed, taken back."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.winrm_cert_keyvault.conftest import Bench, Json

GROUP, SECRET = "access-demo", "winrm-win1"


def shape(value: object) -> object:
    """The keys of a result, without its values."""
    return {key: shape(each) for key, each in value.items()} if isinstance(value, dict) else None


def installed(bench: Bench) -> list[str]:
    """Thumbprints of the certificates in the VM's store My."""
    return [one["thumbprint"] for one in bench.guest()["certificates"] if one["store"].lower() == "my"]


def test_check_mode_on_nothing_predicts_and_writes_nothing(bench: Bench) -> None:
    predicted = bench.run(check_mode=True)
    assert bench.control.writes() == []
    assert predicted.changed
    assert predicted.before is None
    assert predicted.thing["renewed"]
    assert predicted.thing["vault"]["name"] == bench.vault_name
    assert predicted.thing["dns_names"] == ["access-demo-win1.westeurope.cloudapp.azure.com", "win1"]
    made = bench.run()
    assert shape(made.thing) == shape(predicted.thing)
    assert predicted.thing["common_name"] == made.thing["common_name"]
    assert predicted.thing["ip_addresses"] == made.thing["ip_addresses"]
    assert predicted.after is not None
    assert made.after is not None
    assert predicted.after["vault"] == made.after["vault"]


def test_makes_everything_and_the_second_run_writes_nothing(
    bench: Bench, record_property: t.Callable[[str, object], None]
) -> None:
    first = bench.run()
    requests = len(bench.control.journal())
    certificate = first.thing
    assert first.changed
    assert bench.references() == [certificate["secret_url"]]
    assert installed(bench) == [certificate["thumbprint"]]
    assert certificate["pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert certificate["channel"] == "data_plane"
    properties = bench.vault(bench.vault_name)["properties"]
    assert properties["enableRbacAuthorization"] is True
    assert properties["enabledForDeployment"] is True

    second = bench.run()
    assert bench.control.writes() == []
    assert not second.changed
    assert second.before == second.after == first.after
    kept = ("secret_url", "thumbprint", "thumbprint_sha256", "not_before", "not_after", "common_name", "vault")
    assert {key: second.thing[key] for key in kept} == {key: certificate[key] for key in kept}
    assert (second.thing["renewed"], second.thing["reason"]) == (False, None)
    assert second.thing["pem"] == certificate["pem"]
    again = len(bench.control.journal())
    assert again <= 9
    record_property("summary", f"winrm_cert_keyvault: first run {requests} requests, second run {again}")


def test_check_mode_on_what_is_there_is_unchanged(bench: Bench) -> None:
    made = bench.run()
    predicted = bench.run(check_mode=True)
    assert not predicted.changed
    assert predicted.thing == {**made.thing, "renewed": False, "reason": None}


def test_other_names_make_a_new_version_beside_the_old_one(bench: Bench) -> None:
    old = bench.run().thing
    predicted = bench.run(check_mode=True, dns_names=["win1.example.com"])
    assert bench.control.writes() == []
    assert predicted.thing["reason"] == "the names people connect with have changed"
    assert predicted.thing["previous"] == [old["secret_url"]]
    new = bench.run(dns_names=["win1.example.com"])
    assert new.changed
    assert new.thing["common_name"] == "win1.example.com"
    assert new.thing["previous"] == [old["secret_url"]]
    assert bench.references() == [old["secret_url"], new.thing["secret_url"]]
    assert installed(bench) == [old["thumbprint"], new.thing["thumbprint"]]
    assert not bench.run(dns_names=["WIN1.example.com."]).changed


def test_force_renew_makes_a_version_each_time(bench: Bench) -> None:
    urls = {bench.run(force_renew=True).thing["secret_url"] for _run in range(3)}
    assert len(urls) == 3
    assert set(bench.references()) == urls


def test_is_renewed_when_it_is_due_and_the_old_version_goes_on_request(bench: Bench) -> None:
    old = bench.run().thing
    theirs = foreign_reference(bench)

    bench.forward(days=330)
    early = bench.run()
    assert not early.changed
    bench.forward(days=10)
    predicted = bench.run(check_mode=True)
    assert bench.control.writes() == []
    assert predicted.thing["renewed"]
    renewed = bench.run()
    assert renewed.thing["reason"].startswith("it ends on ")
    assert renewed.thing["previous"] == [old["secret_url"]]
    assert renewed.thing["not_after"] > old["not_after"]
    assert bench.references() == [old["secret_url"], theirs, renewed.thing["secret_url"]]
    assert {old["thumbprint"], renewed.thing["thumbprint"]} == set(installed(bench))

    kept = bench.run()
    assert not kept.changed
    assert kept.thing["previous"] == [old["secret_url"]]
    predicted = bench.run(check_mode=True, previous_references="remove")
    assert bench.control.writes() == []
    assert predicted.changed
    removed = bench.run(previous_references="remove")
    assert removed.changed
    assert removed.thing["previous"] == []
    assert bench.references() == [theirs, renewed.thing["secret_url"]]
    assert not bench.run(previous_references="remove").changed


def foreign_reference(bench: Bench) -> str:
    """Somebody's certificate in the same vault, referred to by the VM beside ours."""
    secrets = bench.secrets()
    ours = next(iter(secrets.list_properties_of_secret_versions(SECRET)))
    value = secrets.get_secret(SECRET, ours.version).value or ""
    theirs = secrets.set_secret("somebody-elses", value).id or ""
    bench.refer([*bench.references(), theirs])
    return theirs


def test_is_taken_back_and_the_certificate_stays(bench: Bench) -> None:
    made = bench.run().thing
    predicted = bench.run(state="absent", check_mode=True)
    assert bench.control.writes() == []
    assert predicted.changed
    assert predicted.thing["references_removed"] == [made["secret_url"]]
    gone = bench.run(state="absent")
    assert gone.changed
    assert gone.thing == predicted.thing
    assert bench.references() == []
    again = bench.run(state="absent")
    assert bench.control.writes() == []
    assert not again.changed
    assert again.thing["references_removed"] == []
    back = bench.run()
    assert back.thing["secret_url"] == made["secret_url"]
    assert not back.thing["renewed"]


def test_leaves_what_others_refer_to(bench: Bench) -> None:
    bench.run()
    theirs = foreign_reference(bench)
    bench.run(state="absent")
    assert bench.references() == [theirs]


def test_absent_on_nothing_is_unchanged(bench: Bench) -> None:
    gone = bench.run(state="absent", remove_certificate=True)
    assert not gone.changed
    assert gone.thing == {"name": SECRET, "vault": None, "removed": False, "references_removed": []}
    assert bench.control.writes() == []


def deleted_names(bench: Bench) -> list[str | None]:
    return [each.name for each in bench.secrets().list_deleted_secrets()]


def test_a_removed_certificate_comes_back_as_it_was(bench: Bench) -> None:
    made = bench.run().thing
    assert bench.run(state="absent", remove_certificate=True, check_mode=True).thing["removed"]
    assert deleted_names(bench) == []
    gone = bench.run(state="absent", remove_certificate=True)
    assert gone.thing["removed"]
    assert deleted_names(bench) == [SECRET]
    assert not bench.run(state="absent", remove_certificate=True).changed

    predicted = bench.run(check_mode=True)
    assert bench.control.writes() == []
    assert predicted.changed
    assert not predicted.thing["renewed"]
    assert predicted.thing["thumbprint"] == made["thumbprint"]
    back = bench.run()
    assert back.changed
    assert back.thing["secret_url"] == made["secret_url"]
    assert not back.thing["renewed"]
    assert bench.references() == [made["secret_url"]]
    assert not bench.run().changed


def test_a_removed_certificate_that_no_longer_fits_is_brought_back_and_renewed(bench: Bench) -> None:
    made = bench.run().thing
    bench.run(state="absent", remove_certificate=True)
    back = bench.run(dns_names=["win1.example.com"]).thing
    assert back["reason"] == "the names people connect with have changed"
    versions = [each.id for each in bench.secrets().list_properties_of_secret_versions(SECRET)]
    assert sorted(str(each) for each in versions) == sorted([made["secret_url"], back["secret_url"]])
    assert bench.references() == [back["secret_url"]]


def test_the_value_of_a_secret_is_never_asked_for(bench: Bench) -> None:
    bench.run()
    bench.run(state="absent", remove_certificate=True)
    bench.run()
    bench.run(force_renew=True)
    asked = [
        entry
        for entry in bench.control.server.journal()
        if entry["method"] == "GET" and entry["host"].endswith(".vault.azure.net")
    ]
    assert asked
    assert {entry["path"] for entry in asked} == {f"/secrets/{SECRET}/versions", f"/deletedsecrets/{SECRET}"}


def test_may_not_bring_back(bench: Bench) -> None:
    bench.run()
    bench.run(state="absent", remove_certificate=True)
    for check_mode in (True, False):
        error = bench.refused(recover_deleted=False, check_mode=check_mode)
        assert error.code == "ObjectIsDeletedButRecoverable"
        assert "recover_deleted: true" in error.hint
        assert bench.control.writes() == []


@pytest.mark.parametrize("by", [{"dns_names": ["a.example.com"]}, {"ip_addresses": ["192.0.2.1"]}])
def test_without_the_vms_names_only_the_given_ones_are_in_it(bench: Bench, by: Json) -> None:
    made = bench.run(include_vm_names=False, **by).thing
    assert made["dns_names"] == by.get("dns_names", [])
    assert made["ip_addresses"] == by.get("ip_addresses", [])
    assert not any("Microsoft.Network" in entry["path"] for entry in bench.control.journal())


def test_without_a_reference_only_vault_and_certificate_are_made(bench: Bench) -> None:
    made = bench.run(reference=False)
    assert made.changed
    assert bench.references() == []
    assert not bench.run(reference=False).changed
    assert bench.run().changed


def test_a_vm_id_names_its_own_subscription_and_group(bench: Bench) -> None:
    made = bench.run(vm_id=str(bench.vm().id))
    assert bench.references() == [made.thing["secret_url"]]
    assert not bench.run().changed


def test_another_store(bench: Bench) -> None:
    made = bench.run(certificate_store="WebHosting").thing
    assert [one["thumbprint"] for one in bench.guest()["certificates"]] == [made["thumbprint"]]
    assert {one["store"] for one in bench.guest()["certificates"]} == {"webhosting"}
    assert not bench.run(certificate_store="webhosting").changed
