# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rdp_file: where a VM is, who signs in and how the client shall behave, written as a .rdp file, signed on request."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from pathlib import Path

from .._azure import compute
from .._domain.errors import InvalidInput
from .._domain.outcome import Outcome
from .._domain.port import checked_port
from .._domain.rdp_accounts import Account, AccountType, warn_of_entra_address, written_account
from .._domain.rdp_file import Connection, Gateway, Redirections, Screen
from .._domain.rdp_state import FoundFile, WantedFile
from .._domain.resource_id import VmTarget
from .._domain.server_name import normalise_server_name
from .._domain.virtual_machine import require_windows
from .._files.whole import PRIVATE, destination, existing_folder, make_folder, read_file, set_mode, write_file
from .rdp_endpoint import DEFAULT_PORT, rdp_endpoint
from .rdp_publisher import PublisherFile, Signer, described, doubts, publisher_files
from .vm_way import Way

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._domain.outcome import Document
    from .._domain.publisher import Publisher
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context

_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the module was asked for, checked.

    ``address`` or, when that is None, the VM ``target`` says where to connect. ``computer_name`` is what Windows calls
    itself, when the task says it.
    """

    dest: str
    create_folder: bool
    name: str
    target: VmTarget | None
    address: str | None
    address_type: str
    network_interface: str | None
    port: int
    username: str | None
    account_type: AccountType
    computer_name: str | None
    connection: Connection
    overwrite: bool
    signer: Signer | None
    publisher_folder: str | None
    warn_days: int

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what can't stand in a file; the account is looked at when the VM is known."""
        address, username = parameters["address"] or None, parameters["username"] or None
        target = VmTarget.from_options(parameters) if parameters["vm_name"] or parameters["vm_id"] else None
        port = DEFAULT_PORT if parameters["port"] is None else checked_port(parameters["port"])
        signer = Signer.from_parameters(parameters["sign_with"])
        if parameters["publisher_folder"] and signer is None:
            raise InvalidInput(code="InvalidOption", message="publisher_folder has nothing to hold without sign_with.")
        connection = _connection(parameters)
        connection.settings("localhost", DEFAULT_PORT, Account(username=username))
        return cls(
            dest=parameters["dest"],
            create_folder=parameters["create_folder"],
            name=_NOT_IN_FILE_NAMES.sub("-", target.name if target else address or "") + ".rdp",
            target=target,
            address=_host(address, option="address") if address else None,
            address_type=parameters["address_type"],
            network_interface=parameters["network_interface"] or None,
            port=port,
            username=username,
            account_type=AccountType(parameters["account_type"]),
            computer_name=parameters["computer_name"] or None,
            connection=connection,
            overwrite=parameters["overwrite"],
            signer=signer,
            publisher_folder=parameters["publisher_folder"],
            warn_days=parameters["expiry_warning_days"],
        )


def _connection(parameters: Mapping[str, t.Any]) -> Connection:
    gateway = parameters["gateway"]
    screen = Screen(**(parameters["screen"] or {}))
    for size in (screen.width, screen.height):
        if size is not None and not 200 <= size <= 8192:
            raise InvalidInput(code="InvalidScreen", message=f"A screen can't be {size} pixels wide or high.")
    redirect = dict(parameters["redirect"] or {})
    redirect["drives"] = tuple(redirect.get("drives") or ())
    return Connection(
        prompt_for_credentials=parameters["prompt_for_credentials"],
        administrative_session=parameters["administrative_session"],
        server_authentication=parameters["server_authentication"],
        screen=screen,
        redirect=Redirections(**redirect),
        gateway=Gateway(**{**gateway, "host": _host(gateway["host"], option="gateway.host")}) if gateway else None,
    )


def _host(text: str, *, option: str) -> str:
    try:
        return normalise_server_name(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidOption", message=f"{option}: {error}.") from error


def run(options: Options, context: Context) -> Outcome:
    """Everything is checked before anything is written; nothing is signed that is not written."""
    path = destination(options.dest, name=options.name, to_come=options.create_folder)
    folder = None
    if options.publisher_folder:
        folder = existing_folder(options.publisher_folder, to_come=options.create_folder)
    vm = _windows_vm(options, context)
    computer_name = options.computer_name or (vm.computer_name if vm else None)
    account = written_account(options.username, options.account_type, computer_name=computer_name)
    publisher = options.signer.publisher(context) if options.signer else None
    # Last, since an address is what a VM may still be given.
    way = _way(options, vm, context)
    settings = options.connection.settings(way.address, way.port, account)
    plan = _Plan(
        path=path,
        wanted=WantedFile.of(settings, publisher, mode=PRIVATE),
        found=_found(path, publisher),
        overwrite=options.overwrite,
        files=publisher_files(publisher, folder) if publisher and folder else (),
    )
    before = plan.before
    if not context.check_mode:
        plan.apply()
    warnings = [*account.warnings, *plan.warnings]
    if account.entra:
        warnings += warn_of_entra_address(way.address, computer_name=computer_name)
    signed = None
    if publisher and options.signer:
        warnings += doubts(publisher, context, warn_days=options.warn_days)
        signed = described(publisher, options.signer, plan.files, context)
    return Outcome(
        name="rdp_file",
        thing={
            "path": str(path),
            "address": way.address,
            "port": way.port,
            "nat_rule": way.nat_rule,
            "username": account.username,
            "computer_name": computer_name,
            "encoding": plan.after["encoding"],
            "kept": bool(plan.differences),
            "signed": None if plan.differences else signed,
        },
        before=before,
        after=plan.whole(plan.after, plan.files),
        warnings=tuple(warnings),
    )


def _windows_vm(options: Options, context: Context) -> VirtualMachine | None:
    """None with an address given: Azure is not asked then. Raises NotReady for anything but Windows."""
    if options.address or options.target is None:
        return None
    vm = compute.read_vm(context.azure, options.target)
    require_windows(vm)
    return vm


def _way(options: Options, vm: VirtualMachine | None, context: Context) -> Way:
    if vm is None:
        return Way(address=options.address or "", port=options.port)
    return rdp_endpoint(
        vm,
        address_type=options.address_type,
        network_interface=options.network_interface,
        port=options.port,
        context=context,
    )


def _found(path: Path, publisher: Publisher | None) -> FoundFile | None:
    file = read_file(path)
    return FoundFile.of(file.content, publisher, mode=file.mode) if file else None


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What has to be written. A file that somebody edited is left alone unless ``overwrite``."""

    path: Path
    wanted: WantedFile
    found: FoundFile | None
    overwrite: bool
    files: tuple[PublisherFile, ...]

    @property
    def kept(self) -> bool:
        return self.found is not None and not self.overwrite and not self.found.own

    @property
    def differences(self) -> list[str]:
        """What a kept file has otherwise than wanted."""
        return self.found.differences(self.wanted) if self.found and self.kept else []

    @property
    def warnings(self) -> tuple[str, ...]:
        if not self.differences:
            return ()
        names = ", ".join(self.differences)
        warning = (
            f"{self.path} was edited, or made by something else, and is kept. It differs in: {names}."
            " Set overwrite: true to have it replaced."
        )
        return (warning,)

    @property
    def before(self) -> Document | None:
        """As it is now."""
        there = [each for each in self.files if each.in_place]
        return self.whole(self.found.document if self.found else None, there)

    @property
    def after(self) -> Document:
        """The .rdp file as it shall be."""
        return self.found.document if self.found and self.kept else self.wanted.document

    def whole(self, document: Document | None, files: Sequence[PublisherFile]) -> Document | None:
        """All files; None when there is none."""
        if document is None and not files:
            return None
        return {"path": str(self.path), "rdp_file": document, "publisher_files": [str(each.path) for each in files]}

    def apply(self) -> None:
        for each in self.files:
            if not each.in_place:
                make_folder(each.path.parent)
                each.write()
        make_folder(self.path.parent)
        if self.found is None:
            write_file(self.path, self.wanted.content(), mode=self.wanted.mode)
        elif self.after == self.found.document:
            return
        elif self.found.differs_in_mode_only(self.wanted):
            set_mode(self.path, self.wanted.mode)
        else:
            write_file(self.path, self.wanted.content(), mode=self.wanted.mode)
