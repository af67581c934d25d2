# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of a certificate, what its tags tell, its validity, and when a new version is due."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._domain.certificates import (
    CertificateNames,
    CertificateVersion,
    StoredVersion,
    Validity,
    names_tags,
    newest,
    public_tags,
    reason_to_renew,
    thumbprint_tags,
    utc,
)
from ansible_collections.azvm.access.plugins.module_utils._domain.errors import InvalidInput
from ansible_collections.azvm.access.plugins.module_utils._domain.issuance import IssuedCertificate, issue

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
NAMES = CertificateNames.of(["win1.example.com"], ["10.0.0.4"], fallback="win1")
YEAR = Validity.of_days(validity_days=365, renew_before_days=30)
GOOD = CertificateVersion(
    secret_url="https://v.vault.azure.net/secrets/winrm-win1/0123",
    enabled=True,
    created=NOW,
    not_before=NOW,
    not_after=NOW + timedelta(days=365),
    thumbprint="A" * 40,
    thumbprint_sha256="B" * 64,
    names_digest=NAMES.digest,
)

LABELS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=20).filter(
    lambda label: label.strip("-") == label and not label.isdigit() and not label.lower().startswith("xn--")
)
HOST_NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
ADDRESSES = st.ip_addresses().map(str)


def names(*dns: str | None, ip: tuple[str | None, ...] = (), fallback: str = "win1") -> CertificateNames:
    return CertificateNames.of(dns, ip, fallback=fallback)


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("WIN1.Example.COM", "win1.example.com"),
        ("win1.example.com.", "win1.example.com"),
        (" win1 ", "win1"),
        ("m\u00fcnchen.example", "xn--mnchen-3ya.example"),
        ("*.Example.com", "*.example.com"),
        ("win_1", "win_1"),
    ],
)
def test_dns_names_are_normalised(given_name: str, expected: str) -> None:
    assert names(given_name).dns == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.4",
        "[::1]",
        "10.0.0.256",
        "*",
        "*.",
        "*.*.example.com",
        "win*.example.com",
        "a b",
        "-win",
        "a..b",
        "x" * 64,
    ],
)
def test_what_cant_be_a_dns_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        names(text)
    assert caught.value.code == "InvalidDnsName"
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("text", ["win1", "10.0.0", "10.0.0.0/24", "10.0.0.256"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        names(ip=(text,))
    assert caught.value.code == "InvalidIpAddress"


def test_addresses_are_written_in_one_way() -> None:
    assert names(ip=("2001:DB8:0:0::1", "10.0.0.4", "[2001:db8::1]", None, "")).ip == ("10.0.0.4", "2001:db8::1")


@pytest.mark.parametrize(
    ("dns", "ip", "expected"),
    [
        (("b.example.com", "a.example.com"), (), "b.example.com"),
        (("*.example.com", "win1"), (), "win1"),
        (("*.example.com",), ("10.0.0.4",), "10.0.0.4"),
        (("*.example.com",), (), "vm-name"),
        (("a" * 60 + ".example.com", "win1"), (), "win1"),
        ((), ("10.0.0.9", "10.0.0.4"), "10.0.0.4"),
        ((), (), "vm-name"),
    ],
)
def test_the_common_name_is_the_first_plain_name_that_fits(
    dns: tuple[str, ...], ip: tuple[str, ...], expected: str
) -> None:
    assert names(*dns, ip=ip, fallback="VM-Name").common_name == expected


@given(dns=st.lists(HOST_NAMES, max_size=6), ip=st.lists(ADDRESSES, max_size=6))
def test_names_are_sorted_without_repeats_and_settle_after_one_pass(dns: list[str], ip: list[str]) -> None:
    once = names(*dns, *(name.upper() for name in dns), ip=(*ip, *ip))
    assert list(once.dns) == sorted({name.lower() for name in dns})
    assert len(set(once.ip)) == len(once.ip)
    assert names(*once.dns, ip=once.ip).dns == once.dns
    assert names(*once.dns, ip=once.ip).ip == once.ip


@given(dns=st.lists(HOST_NAMES, min_size=1, max_size=6, unique_by=str.lower), data=st.data())
def test_the_digest_tells_names_apart_and_nothing_else(dns: list[str], data: st.DataObject) -> None:
    whole = names(*dns)
    assert len(whole.digest) == 32
    shuffled = data.draw(st.permutations(dns[1:]))
    assert names(dns[0].upper(), *shuffled, dns[0]).digest == whole.digest
    assert names(*dns, "one-more.example.com").digest != whole.digest
    assert names(*dns, ip=("10.0.0.4",)).digest != whole.digest


# Renewal

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
DUE = GOOD.not_after - 30 * DAY


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW, None),
        (DUE - SECOND, None),
        (DUE, "it ends on 2027-11-20"),
        (GOOD.not_after - SECOND, "it ends on 2027-11-20"),
        (GOOD.not_after, "it ends on 2027-11-20"),
        (GOOD.not_after + 400 * DAY, "it ends on 2027-11-20"),
    ],
)
def test_a_version_is_renewed_from_the_second_it_is_due(now: datetime, expected: str | None) -> None:
    assert reason_to_renew(GOOD, names=NAMES, validity=YEAR, now=now, forced=False) == expected


def test_with_no_days_before_the_end_it_is_used_up_to_its_last_second() -> None:
    validity = Validity.of_days(validity_days=365, renew_before_days=0)
    last = GOOD.not_after - SECOND
    assert reason_to_renew(GOOD, names=NAMES, validity=validity, now=last, forced=False) is None
    assert reason_to_renew(GOOD, names=NAMES, validity=validity, now=GOOD.not_after, forced=False)


@pytest.mark.parametrize(
    ("current", "forced", "expected"),
    [
        (None, False, "there is none"),
        (None, True, "there is none"),
        (GOOD, True, "force_renew is set"),
        (replace(GOOD, enabled=False), False, "the current version is disabled"),
        (replace(GOOD, thumbprint=""), False, "its thumbprint was not recorded"),
        (replace(GOOD, thumbprint_sha256=""), False, "its thumbprint was not recorded"),
        (replace(GOOD, names_digest="other"), False, "the names people connect with have changed"),
        (GOOD, False, None),
    ],
)
def test_other_reasons(current: CertificateVersion | None, forced: bool, expected: str | None) -> None:
    assert reason_to_renew(current, names=NAMES, validity=YEAR, now=NOW, forced=forced) == expected


@given(skew=st.timedeltas(timedelta(0), timedelta(days=3)), days=st.integers(2, 3650))
def test_a_new_certificate_is_valid_for_both_clocks_and_not_due(skew: timedelta, days: int) -> None:
    validity = Validity.of_days(validity_days=days, renew_before_days=days - 1)
    earlier, later = NOW, NOW + skew
    not_before, not_after = validity.span(earlier, later)
    assert not_before <= earlier - timedelta(hours=1)
    assert earlier <= later < not_after
    assert not_after - later <= timedelta(days=days)
    assert (not_before.microsecond, not_after.microsecond) == (0, 0)
    new = replace(GOOD, not_before=not_before, not_after=not_after)
    # Whole seconds: what is lost by rounding down is less than one.
    assert reason_to_renew(new, names=NAMES, validity=validity, now=later - SECOND, forced=False) is None


@pytest.mark.parametrize(
    ("validity_days", "renew_before_days"), [(0, 0), (-1, 0), (3651, 30), (30, 30), (30, 31), (365, -1)]
)
def test_a_validity_that_makes_no_sense_is_refused(validity_days: int, renew_before_days: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Validity.of_days(validity_days=validity_days, renew_before_days=renew_before_days)
    assert caught.value.code == "InvalidValidity"


@pytest.mark.parametrize(("days", "months"), [(365, 12), (366, 12), (90, 3), (45, 1), (31, 1), (10, 1), (3650, 120)])
def test_key_vault_counts_in_months(days: int, months: int) -> None:
    assert Validity.of_days(validity_days=days, renew_before_days=5).whole_months() == months


@pytest.mark.parametrize(("days", "renew_before"), [(31, 30), (40, 27), (60, 57)])
def test_months_too_short_for_the_renewal_are_refused(days: int, renew_before: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Validity.of_days(validity_days=days, renew_before_days=renew_before).whole_months()
    assert "whole months" in caught.value.message


@given(days=st.integers(1, 3650), renew_before=st.integers(0, 3649), start=st.dates())
def test_a_certificate_of_whole_months_is_never_due_at_once(days: int, renew_before: int, start: datetime) -> None:
    if renew_before >= days:
        return
    try:
        months = Validity.of_days(validity_days=days, renew_before_days=renew_before).whole_months()
    except InvalidInput:
        return
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if year > 9999:
        return
    end = start.replace(year=year, month=month + 1, day=min(start.day, 28))
    assert (end - start).days > renew_before


# Versions


def stored(**changed: object) -> StoredVersion:
    values = {
        "secret_url": GOOD.secret_url,
        "enabled": True,
        "created": NOW,
        "not_before": GOOD.not_before,
        "not_after": GOOD.not_after,
        "tags": {**names_tags(NAMES.digest), **thumbprint_tags(GOOD.thumbprint, GOOD.thumbprint_sha256)},
        **changed,
    }
    return StoredVersion(**values)  # type: ignore[arg-type]  # the test says which


def test_tags_bring_back_what_they_were_made_of() -> None:
    assert stored().certificate() == GOOD
    assert stored().tags["made_by"] == "azvm.access"


def issued(dns: int) -> IssuedCertificate:
    names = CertificateNames.of([f"host{number}.example.com" for number in range(dns)], [], fallback="win1")
    return issue(names, key_size=2048, not_before=GOOD.not_before, not_after=GOOD.not_after)


def test_tags_bring_the_public_certificate_back() -> None:
    made = issued(3)
    tags = {
        **names_tags(NAMES.digest),
        **thumbprint_tags(made.thumbprint, made.thumbprint_sha256),
        **public_tags(made.pem),
    }
    # Key Vault takes 15 tags of 256 characters (about keys, secrets and certificates).
    assert len(tags) <= 15
    assert max(map(len, tags.values())) <= 256
    found = stored(tags=tags).certificate()
    assert found is not None
    assert found.pem == made.pem
    other = stored(tags={**tags, "thumbprint_sha256": GOOD.thumbprint_sha256}).certificate()
    assert other is not None
    assert other.pem is None


def test_a_certificate_too_long_for_tags_is_not_kept_in_them() -> None:
    assert public_tags(issued(120).pem) == {}


@pytest.mark.parametrize(
    "changed", [{"tags": {}}, {"tags": {"made_by": "somebody"}}, {"not_before": None}, {"not_after": None}]
)
def test_what_others_made_is_no_certificate_of_ours(changed: dict[str, object]) -> None:
    assert stored(**changed).certificate() is None


def test_the_newest_version_is_the_same_for_everybody() -> None:
    older = stored(created=NOW - SECOND, secret_url="https://v/secrets/n/ffff")
    one, other = stored(secret_url="https://v/secrets/n/aaaa"), stored(secret_url="https://v/secrets/n/bbbb")
    assert newest([]) is None
    assert newest([older, one, other]) is other
    assert newest([other, one, older]) is other


def test_times_without_a_zone_are_utc() -> None:
    assert utc(NOW.replace(tzinfo=None)) == NOW
    assert utc(NOW.astimezone(timezone(timedelta(hours=5)))).utcoffset() == timedelta(0)
