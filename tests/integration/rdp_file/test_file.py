# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file itself: made, left alone, kept, replaced; no Azure is needed for a given address."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.azvm.access.plugins.module_utils._domain.rdp_settings import decode, parse
from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import PASSPHRASE, publisher_in

if t.TYPE_CHECKING:
    from ansible_collections.azvm.access.tests.integration.rdp_file.conftest import Desk, Publisher

ADDRESS = "win1.example.com"
FILE = "win1.example.com.rdp"
LOCAL: dict[str, t.Any] = {"address": ADDRESS, "username": "jane", "computer_name": "WIN1"}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_is_made_once(desk: Desk) -> None:
    made = desk.run(**LOCAL)
    assert made.changed
    assert made.before is None
    assert made.thing["path"] == str(desk.folder / FILE)
    assert (made.thing["address"], made.thing["port"], made.thing["username"]) == (ADDRESS, 3389, "WIN1\\jane")
    assert desk.lines(FILE)[:3] == [
        "full address:s:win1.example.com:3389",
        "username:s:WIN1\\jane",
        "prompt for credentials:i:1",
    ]
    assert mode(desk.folder / FILE) == 0o600
    written = (desk.folder / FILE).stat()
    again = desk.run(**LOCAL)
    assert not again.changed
    assert again.thing == made.thing
    assert (desk.folder / FILE).stat().st_mtime_ns == written.st_mtime_ns
    assert [each.name for each in desk.folder.iterdir()] == [FILE], "nothing is left beside it"


def test_check_mode_says_what_a_run_would_do(desk: Desk, publisher: Publisher) -> None:
    wish: dict[str, t.Any] = {**LOCAL, "sign_with": publisher.signer, "publisher_folder": str(desk.folder)}
    predicted = desk.run(check_mode=True, **wish)
    assert predicted.changed
    assert list(desk.folder.iterdir()) == []
    made = desk.run(**wish)
    assert (made.thing, made.before, made.after) == (predicted.thing, predicted.before, predicted.after)
    assert not desk.run(check_mode=True, **wish).changed


def test_the_diff_shows_settings(desk: Desk) -> None:
    desk.run(**LOCAL)
    changed = desk.run(**{**LOCAL, "port": 3390})
    assert changed.before is not None
    assert changed.after is not None
    assert set(changed.before["rdp_file"]["settings"]) ^ set(changed.after["rdp_file"]["settings"]) == {
        "full address:s:win1.example.com:3389",
        "full address:s:win1.example.com:3390",
    }


def test_a_file_of_ones_own_follows_what_is_wanted(desk: Desk) -> None:
    """No overwrite is needed for that: an address may change any day."""
    desk.run(dest=str(desk.folder / "win1.rdp"), address="192.0.2.1")
    changed = desk.run(dest=str(desk.folder / "win1.rdp"), address="192.0.2.2", redirect={"clipboard": True})
    assert changed.changed
    assert changed.warnings == ()
    assert desk.lines()[0] == "full address:s:192.0.2.2:3389"
    assert "redirectclipboard:i:1" in desk.lines()


def test_line_ends_of_another_editor_do_not_matter(desk: Desk) -> None:
    desk.run(**LOCAL)
    path = desk.folder / FILE
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    assert not desk.run(**LOCAL).changed


def test_an_edited_file_is_kept(desk: Desk) -> None:
    desk.run(**LOCAL)
    path = desk.folder / FILE
    path.write_bytes(path.read_bytes() + b"use multimon:i:1\r\n")
    path.chmod(0o644)
    edited = path.read_bytes()
    kept = desk.run(**{**LOCAL, "port": 3390})
    assert not kept.changed
    assert kept.thing["kept"]
    assert kept.thing["port"] == 3390, "where to connect is the answer all the same"
    (warning,) = kept.warnings
    assert "full address, use multimon" in warning
    assert "overwrite: true" in warning
    assert (path.read_bytes(), mode(path)) == (edited, 0o644)
    replaced = desk.run(**{**LOCAL, "port": 3390, "overwrite": True})
    assert replaced.changed
    assert not replaced.thing["kept"]
    assert "use multimon:i:1" not in desk.lines(FILE)
    assert mode(path) == 0o600
    assert not desk.run(**{**LOCAL, "port": 3390}).changed


def test_the_portals_download_is_kept(desk: Desk) -> None:
    """As Get-AzRemoteDesktopFile writes it."""
    path = desk.folder / "win1.rdp"
    path.write_bytes(b"full address:s:192.0.2.1:3389\r\nprompt for credentials:i:1\r\n")
    kept = desk.run(dest=str(path), address="192.0.2.1")
    assert kept.thing["kept"]
    assert "full address" not in kept.warnings[0], "that is the same"
    assert "redirectclipboard" in kept.warnings[0]


def test_what_says_the_same_without_being_ours_needs_no_warning(desk: Desk) -> None:
    desk.run(**LOCAL)
    path = desk.folder / FILE
    lines = [line for line in desk.lines(FILE) if "digest" not in line]
    path.write_text("\r\n".join(reversed(lines)), encoding="utf-16")
    kept = desk.run(**LOCAL)
    assert (kept.changed, kept.warnings, kept.thing["kept"]) == (False, (), False)
    assert kept.thing["encoding"] == "utf-16-le"


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00", b"", b"Dear diary\n", b"\xff\xfe\x00"])
def test_something_else_under_that_name_is_kept(desk: Desk, content: bytes) -> None:
    path = desk.folder / FILE
    path.write_bytes(content)
    kept = desk.run(**LOCAL)
    assert kept.thing["kept"]
    assert path.read_bytes() == content
    assert desk.run(**LOCAL, overwrite=True).changed
    assert desk.lines(FILE)[0].startswith("full address")


def test_secrets_of_a_replaced_file_are_not_shown(desk: Desk) -> None:
    path = desk.folder / FILE
    path.write_bytes(b"full address:s:vm\r\npassword 51:b:01000000D08C9DDF\r\ngatewayaccesstoken:s:eyJ0eXAi\r\n")
    replaced = desk.run(**LOCAL, overwrite=True)
    shown = repr((replaced.thing, replaced.before, replaced.after, replaced.warnings))
    assert "gatewayaccesstoken:s:(hidden)" in shown
    assert "01000000D08C9DDF" not in shown
    assert "eyJ0eXAi" not in shown


def test_only_a_loose_mode_is_tightened(desk: Desk) -> None:
    desk.run(**LOCAL)
    path = desk.folder / FILE
    inode = path.stat().st_ino
    path.chmod(0o666)
    assert desk.run(**LOCAL).changed
    assert (mode(path), path.stat().st_ino) == (0o600, inode)


def test_a_link_stays_a_link(desk: Desk, tmp_path: Path) -> None:
    (desk.folder / FILE).symlink_to(tmp_path / "elsewhere.rdp")
    made = desk.run(**LOCAL)
    assert (desk.folder / FILE).is_symlink()
    assert made.thing["path"] == str(tmp_path / "elsewhere.rdp")
    assert mode(tmp_path / "elsewhere.rdp") == 0o600


def test_other_letters_make_it_utf16(desk: Desk) -> None:
    made = desk.run(**{**LOCAL, "username": "j\u00fcrgen"})
    assert made.thing["encoding"] == "utf-16-le"
    assert (desk.folder / FILE).read_bytes()[:2] == b"\xff\xfe"
    assert "username:s:WIN1\\j\u00fcrgen" in desk.lines(FILE)
    assert not desk.run(**{**LOCAL, "username": "j\u00fcrgen"}).changed


@pytest.mark.parametrize(
    ("dest", "name"),
    [("{}", "2001-db8--1.rdp"), ("{}/", "2001-db8--1.rdp"), ("{}/own.name", "own.name"), ("{}/x.rdp", "x.rdp")],
)
def test_a_folder_gets_a_file(desk: Desk, dest: str, name: str) -> None:
    desk.run(dest=dest.format(desk.folder), address="2001:db8::1")
    assert desk.lines(name)[0] == "full address:s:[2001:db8::1]:3389"


def test_a_given_address_takes_its_name_from_the_vm(desk: Desk) -> None:
    desk.run(address="192.0.2.1", resource_group="my-group", vm_name="my-vm")
    assert desk.lines("my-vm.rdp")[0] == "full address:s:192.0.2.1:3389"


@pytest.mark.parametrize(
    ("dest", "code", "words"),
    [
        ("missing/win1.rdp", "FolderNotFound", "missing does not exist"),
        ("missing/", "FolderNotFound", "missing does not exist"),
        ("file/win1.rdp", "FolderNotFound", "file is not a folder"),
        ("x" * 300, "FileNotWritable", "can't be written"),
        ("a\0b", "FileNotWritable", "not a possible path"),
        ("pipe", "FileNotReadable", "not a small ordinary file"),
        ("big", "FileNotReadable", "not a small ordinary file"),
    ],
)
def test_a_destination_that_can_not_be_is_said(desk: Desk, dest: str, code: str, words: str) -> None:
    (desk.folder / "file").write_bytes(b"")
    (desk.folder / "big").write_bytes(bytes(2 * 1024 * 1024))
    os.mkfifo(desk.folder / "pipe")
    error = desk.refused(**LOCAL, dest=f"{desk.folder}/{dest}")
    assert error.code == code
    assert words in error.message


def test_a_folder_is_made_on_request(desk: Desk) -> None:
    dest = desk.folder / "more" / "files"
    predicted = desk.run(**LOCAL, dest=f"{dest}/", create_folder=True, check_mode=True)
    assert (predicted.changed, dest.parent.exists()) == (True, False)
    assert desk.run(**LOCAL, dest=f"{dest}/", create_folder=True).changed
    assert [folder.stat().st_mode & 0o777 for folder in (dest, dest.parent)] == [0o700, 0o700]
    assert not desk.run(**LOCAL, dest=f"{dest}/", create_folder=True).changed
    assert desk.refused(**LOCAL, dest="/sys/more/win1.rdp", create_folder=True).code == "FileNotWritable"


def test_a_folder_that_refuses_is_said(desk: Desk) -> None:
    """Also to root, who may write everywhere but there."""
    error = desk.refused(**LOCAL, dest="/sys/win1.rdp")
    assert error.code == "FileNotWritable"
    assert error.message.startswith("/sys")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"port": 0}, "InvalidPort"),
        ({"port": 65536}, "InvalidPort"),
        ({"address": "win1\nusername:s:evil"}, "InvalidOption"),
        ({"address": "a b"}, "InvalidOption"),
        ({"username": "jane\r\nalternate shell:s:cmd.exe"}, "InvalidValue"),
        ({"computer_name": "WIN1\r\nx:s:y"}, "InvalidValue"),
        ({"username": "a\\b\\c"}, "InvalidAccount"),
        ({"username": "OTHER\\jane", "account_type": "local"}, "InvalidAccount"),
        ({"gateway": {"host": "gate way"}}, "InvalidOption"),
        ({"screen": {"width": 10}}, "InvalidScreen"),
        ({"redirect": {"drives": ["C:\\Users"]}}, "InvalidDrive"),
        ({"sign_with": {}}, "InvalidSigner"),
        ({"sign_with": {"file": "x.pfx", "vault_name": "abc"}}, "InvalidSigner"),
        ({"sign_with": {"vault_name": "abc"}}, "InvalidSigner"),
        ({"sign_with": {"vault_name": "a_b", "certificate_name": "c"}}, "InvalidVaultName"),
        ({"publisher_folder": "/tmp"}, "InvalidOption"),
    ],
)
def test_bad_input_writes_nothing(desk: Desk, given: dict[str, t.Any], code: str) -> None:
    assert desk.refused(**{**LOCAL, **given}).code == code
    assert list(desk.folder.iterdir()) == []


def test_a_name_that_is_not_the_computers_gives_a_warning(desk: Desk) -> None:
    made = desk.run(**{**LOCAL, "username": "my-vm\\jane"})
    assert "Local Security Authority cannot be contacted" in made.warnings[0]
    assert desk.run(**{**LOCAL, "username": "my-vm\\jane", "account_type": "domain"}).warnings == ()


def test_entra_id(desk: Desk) -> None:
    made = desk.run(address="192.0.2.1", username="jane@example.com", account_type="entra")
    assert "enablerdsaadauth:i:1" in desk.lines("192.0.2.1.rdp")
    assert "host name" in made.warnings[0]


def test_a_signed_file(desk: Desk, publisher: Publisher) -> None:
    made = desk.run(**LOCAL, sign_with=publisher.signer, publisher_folder=str(desk.folder))
    signed = made.thing["signed"]
    thumbprint = publisher.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303
    assert (signed["thumbprint"], signed["subject"], signed["self_signed"]) == (thumbprint, "CN=Publisher", True)
    assert signed["key_source"] == "controller"
    assert signed["client_trust"]["data"] == thumbprint
    assert made.warnings == ()
    lines = desk.lines(FILE)
    assert lines[1] == "alternate full address:s:win1.example.com:3389"
    assert lines[-1].startswith("signature:s:AQABAAEAAA")
    der = Path(signed["certificate_file"]).read_bytes()
    assert der == publisher.certificate.public_bytes(serialization.Encoding.DER)
    registry = Path(signed["trust_file"]).read_text(encoding="ascii")
    assert f'"TrustedCertThumbprints"="{thumbprint}"' in registry
    assert r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services]" in registry
    assert mode(desk.folder / FILE) == 0o600
    assert mode(Path(signed["trust_file"])) == 0o644


def test_a_signed_file_is_signed_once(desk: Desk, publisher: Publisher) -> None:
    wish: dict[str, t.Any] = {**LOCAL, "sign_with": publisher.signer, "publisher_folder": str(desk.folder)}
    desk.run(**wish)
    before = {each: each.stat().st_mtime_ns for each in desk.folder.iterdir()}
    again = desk.run(**wish)
    assert not again.changed
    assert {each: each.stat().st_mtime_ns for each in desk.folder.iterdir()} == before
    as_pem = desk.run(**{**wish, "sign_with": {"file": str(publisher.pem)}})
    assert not as_pem.changed, "the same certificate from another file"


def test_another_publisher_signs_again(desk: Desk, publisher: Publisher, tmp_path: Path) -> None:
    desk.run(**LOCAL, sign_with=publisher.signer)
    other = publisher_in(tmp_path, name="Other")
    changed = desk.run(**LOCAL, sign_with=other.signer)
    assert changed.changed
    assert changed.before is not None
    assert changed.before["rdp_file"]["signed_by"] == "another publisher, or not valid"
    assert not desk.run(**LOCAL, sign_with=other.signer).changed
    unsigned = desk.run(**LOCAL)
    assert unsigned.changed
    assert unsigned.thing["signed"] is None
    assert not any(line.startswith(("signature", "signscope", "alternate")) for line in desk.lines(FILE))


def test_a_broken_signature_is_made_again(desk: Desk, publisher: Publisher) -> None:
    """The settings are untouched, so nobody's work is lost."""
    desk.run(**LOCAL, sign_with=publisher.signer)
    path = desk.folder / FILE
    good = path.read_bytes()
    settings = parse(decode(good)[0])
    broken = settings[-1].value[:100] + ("A" if settings[-1].value[100] != "A" else "B") + settings[-1].value[101:]
    path.write_bytes(good.replace(settings[-1].value.encode("utf-16-le"), broken.encode("utf-16-le")))
    assert desk.run(**LOCAL, sign_with=publisher.signer).changed
    assert path.read_bytes() == good


def test_a_missing_publisher_file_is_made_again(desk: Desk, publisher: Publisher) -> None:
    wish: dict[str, t.Any] = {**LOCAL, "sign_with": publisher.signer, "publisher_folder": str(desk.folder)}
    trust = Path(desk.run(**wish).thing["signed"]["trust_file"])
    trust.unlink()
    assert desk.run(check_mode=True, **wish).changed
    assert not trust.exists()
    assert desk.run(**wish).changed
    assert trust.exists()


@pytest.mark.parametrize(("days", "warned"), [(20, False), (10, True)])
def test_an_end_that_is_near_is_said(desk: Desk, tmp_path: Path, days: int, warned: bool) -> None:
    publisher = publisher_in(tmp_path, name="Ending", days=days)
    made = desk.run(**LOCAL, sign_with=publisher.signer, expiry_warning_days=15)
    assert bool(made.warnings) == warned
    assert made.thing["signed"]["days_left"] in (days - 1, days)


def test_an_expired_publisher_writes_nothing(desk: Desk, tmp_path: Path) -> None:
    publisher = publisher_in(tmp_path, name="Expired", days=0)
    assert desk.refused(**LOCAL, sign_with=publisher.signer).code == "PublisherExpired"
    assert list(desk.folder.iterdir()) == []


def test_a_wrong_passphrase_is_not_repeated(desk: Desk, publisher: Publisher) -> None:
    error = desk.refused(**LOCAL, sign_with={"file": str(publisher.pfx), "passphrase": "wrong-one"})
    assert error.code == "PublisherUnreadable"
    assert "wrong-one" not in repr(error.as_failure())
    assert PASSPHRASE not in repr(error.as_failure())


def test_a_missing_key_is_said(desk: Desk, publisher: Publisher) -> None:
    missing = desk.refused(**LOCAL, sign_with={"file": str(desk.folder / "none.pfx")})
    assert missing.code == "FileNotReadable"
    assert "does not exist" in missing.message
    key = desk.refused(**LOCAL, sign_with={"file": str(publisher.pem), "key_file": str(desk.folder / "none.pem")})
    assert key.code == "FileNotReadable"
