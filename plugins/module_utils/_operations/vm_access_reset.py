# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_access_reset: Remote Desktop's configuration or an administrator's password, reset by the VMAccess extension."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._azure import compute, extensions
from .._azure.polling import awaiting
from .._domain.access_extension import DEFAULT_NAME, VERSION, WantedReset, newer
from .._domain.access_reset import (
    CONFIGURATION,
    account_to_reset,
    planned_reset,
    require_extensions,
    require_member,
)
from .._domain.access_reset_causes import cause_of, readable, report_in
from .._domain.accounts import LONGEST, SHORTEST, checked_password, checked_user_name
from .._domain.errors import AccessError, InvalidInput, NotFound, NotReady, Refused, TimedOut, Unavailable
from .._domain.outcome import Document, Outcome
from .._domain.password_marker import Marker, fresh_tag
from .._domain.port import checked_port
from .._domain.resource_id import VmTarget
from .._domain.vault_password import Account, default_secret_name, password_secret, vault_uri
from .._domain.virtual_machine import require_running, require_windows
from .guest import ready_for_scripts
from .password_source import GeneratedPassword, GivenPassword, VaultPassword
from .rdp_reachability import rdp_probe

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._domain.access_extension import AccessExtension, InstalledExtensions
    from .._domain.access_reset import ResetPlan
    from .._domain.virtual_machine import VirtualMachine
    from .context import Context
    from .password_source import PasswordSource

    Probe = Callable[[VmTarget, int, Context], Document]

_SCALE_SET = "microsoft.compute/virtualmachinescalesets"

# What a run meets when another one resets the same VM: look again, then decide anew.
_OVERTAKEN = ("OperationPreempted", "MultipleExtensionsPerHandlerNotAllowed")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the module was asked for, checked as far as that goes without Azure."""

    target: VmTarget
    present: bool
    mode: str
    user: str | None
    allow_other_user: bool
    force: bool
    only_if_unreachable: bool
    rdp_port: int
    password: str | None = field(repr=False)
    secret: str | None
    vault_name: str | None
    generate: bool
    length: int

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what can't be right together."""
        _refuse_scale_set(parameters["vm_id"])
        options = cls(
            target=VmTarget.from_options(parameters),
            present=parameters["state"] == "present",
            mode=parameters["mode"],
            user=checked_user_name(parameters["username"]) if parameters["username"] is not None else None,
            allow_other_user=parameters["allow_other_user"],
            force=parameters["force"],
            only_if_unreachable=parameters["only_if_unreachable"],
            rdp_port=parameters["rdp_port"],
            password=parameters["password"],
            secret=parameters["password_secret"] or None,
            vault_name=parameters["vault_name"] or None,
            generate=parameters["generate"],
            length=parameters["password_length"],
        )
        if options.present:
            _check_sources(options)
        if options.password is not None:
            checked_password(options.password, user=options.user, source="the option password")
        return options

    @property
    def sources(self) -> list[str]:
        """The options that say where a password comes from; there may be one."""
        return [
            *(["password"] if self.password is not None else []),
            *(["generate"] if self.generate else ["password_secret"] if self.secret or self.vault_name else []),
        ]


def run(options: Options, context: Context, *, probe: Probe = rdp_probe) -> Outcome:
    """Reset, or with ``present`` False remove the extension. ``probe`` says whether Remote Desktop answers."""
    vm = compute.read_vm(context.azure, options.target)
    require_windows(vm)
    if not options.present:
        return _removed(vm, context)
    require_extensions(vm)
    user = None
    if options.mode != CONFIGURATION:
        user = account_to_reset(vm, options.user, allow_other_user=options.allow_other_user)
    _require_running(vm)
    probed = probe(options.target, options.rdp_port, context) if options.only_if_unreachable else None
    return _Reset(options, context, vm, user=user, probed=probed).run()


class _Reset:
    """One reset of one VM, decided anew whenever somebody else's came in between."""

    def __init__(
        self, options: Options, context: Context, vm: VirtualMachine, *, user: str | None, probed: Document | None
    ) -> None:
        self._options = options
        self._context = context
        self._vm = vm
        self._user = user
        self._probed = probed
        self._source = _source(options, context, Account(vm_id=str(vm.id), user=user)) if user else None
        self._secrets: list[str] = []
        self._attempted: WantedReset | None = None
        self._accepted = False
        self._untouched = True

    def run(self) -> Outcome:
        try:
            return self._rounds()
        except AccessError as error:
            if self._attempted is None:
                raise
            raise self._failure(error, self._attempted) from error

    def _rounds(self) -> Outcome:
        performed: ResetPlan | None = None
        before: AccessExtension | None = None
        installed = self._installed()
        while True:
            if performed is None:
                before = installed.access
            require_member(self._vm, installed.access, force=self._options.force)
            plan = self._plan(installed.access, again=performed is not None)
            if plan.needed:  # what is as it should be needs no agent
                self._vm = ready_for_scripts(self._vm, self._options.target, self._context)
            if not plan.needed or self._context.check_mode:
                return self._outcome(performed or plan, before, installed.access, installed=installed)
            try:
                done = self._carry_out(plan, installed.access)
            except _Overtaken as overtaken:
                installed = self._look_again(overtaken.error.message)
                continue
            performed = performed or plan
            if self._source is None or not self._source.overtaken():
                return self._outcome(performed, before, done, installed=installed)
            installed = self._look_again("another run wrote a newer password to the vault")

    def _installed(self) -> InstalledExtensions:
        azure = self._context.azure
        if self._context.check_mode:
            return extensions.find(azure, self._vm)
        return extensions.settled(azure, self._vm, deadline=self._context.deadline)

    def _plan(self, extension: AccessExtension | None, *, again: bool) -> ResetPlan:
        """``again``: this run has reset what it was asked for; only a newer password in the vault is left to set."""
        is_set = False
        if self._source is not None:
            self._source.load()
            is_set = self._source.is_set(_marker(extension))
        return planned_reset(
            self._options.mode,
            reachable=True if again else bool(self._probed["verified"]) if self._probed is not None else None,
            password_is_set=is_set,
            force=self._options.force and not again,
        )

    def _carry_out(self, plan: ResetPlan, extension: AccessExtension | None) -> AccessExtension:
        """Raises :class:`_Overtaken` when another reset or a removal came in between."""
        password: str | None = None
        marker = _marker(extension)
        if plan.password and self._source is not None:
            password, marker = self._source.prepare()
            self._secrets.append(password)
        wanted = WantedReset(
            name=extension.name if extension else DEFAULT_NAME,
            version=newer(VERSION, extension.version) if extension else VERSION,
            tag=fresh_tag(marker),
            user=self._user if password else None,
            password=password,
            tags=extension.tags if extension else (),
        )
        self._attempted = wanted
        try:
            return self._write(wanted)
        except AccessError as error:
            _raise_if_overtaken(error)
            raise

    def _write(self, wanted: WantedReset) -> AccessExtension:
        """Keeps track of whether the VM surely has the password of before this run."""
        deadline, accepted_before = self._context.deadline, self._accepted
        try:
            poller = extensions.begin(self._context.azure, self._vm, wanted, deadline=deadline)
        except (TimedOut, Unavailable):
            self._untouched = False
            raise
        self._accepted, self._untouched = True, False
        try:
            return extensions.finish(self._vm, poller, deadline=deadline)
        except AccessError as error:
            cause = cause_of(error.code, error.message)
            self._untouched = bool(cause and cause.untouched) and not accepted_before
            raise

    def _failure(self, error: AccessError, wanted: WantedReset) -> AccessError:
        """``error`` with its cause, the next step, and what became of a password in a vault."""
        cause = cause_of(error.code, error.message)
        report = report_in(error.message)
        kept = self._source.withdraw(untouched=self._untouched) if self._source is not None else ""
        message = error.message
        if cause:
            message = f"Could not reset the access to the {self._vm}: {cause.sentence} ({error.code})."
        elif report:
            message = f"Could not reset the access to the {self._vm}: VMAccess reports: {report} ({error.code})."
        details = {
            **error.details,
            "cause": cause.name if cause else None,
            "report": self._without_secrets(report) or None,
            "extension": wanted.name,
            "password": self._source.describe() if self._source is not None else None,
        }
        kind = Refused if isinstance(error, TimedOut) else type(error)
        return kind(
            code=error.code,
            message=" ".join(part for part in (self._without_secrets(message), kept) if part),
            hint=cause.hint if cause else error.hint,
            details=details,
        )

    def _outcome(
        self,
        plan: ResetPlan,
        before: AccessExtension | None,
        after: AccessExtension | None,
        *,
        installed: InstalledExtensions,
    ) -> Outcome:
        warnings: list[str] = []
        really = plan.needed and not self._context.check_mode
        if really and after is not None:
            after = self._read_back(after, warnings)
        if plan.password and installed.entra_login:
            warnings.append(
                "People sign in to this VM with Entra accounts: a reset of a local password switches that off until"
                " the extension AADLoginForWindows is run again."
            )
        name = after.name if after else DEFAULT_NAME
        message = " ".join(readable(text) for text in after.messages) if really and after else ""
        thing: Document = {
            "mode": self._options.mode,
            "performed": plan.parts,
            "reason": plan.reason,
            "user": self._user,
            "message": self._without_secrets(message) or None,
            "extension": {
                "name": name,
                "existed": before is not None,
                "version": (after.installed or after.version) if after else VERSION,
                "provisioning_state": after.state if after and not (plan.needed and not really) else None,
                "previous_state": before.state if before else None,
            },
            "password": self._source.describe() if self._source is not None else None,
            "probe": self._probed,
        }
        start = {"extension": before.name if before else None}
        # A password can be in the vault now although another run's is the one in the VM.
        made = {"secret": "new version"} if self._source and self._source.describe()["generated"] else {}
        return Outcome(
            name="reset",
            thing=thing,
            before=start,
            after={
                "extension": name if plan.needed else start["extension"],
                **dict.fromkeys(plan.parts, "reset"),
                **made,
            },
            warnings=tuple(warnings),
        )

    def _read_back(self, done: AccessExtension, warnings: list[str]) -> AccessExtension:
        try:
            return extensions.read(self._context.azure, self._vm, done.name) or done
        except AccessError as error:
            warnings.append(f"The reset succeeded, but VMAccess's report could not be read: {error.message}")
            return done

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return text

    def _look_again(self, last_seen: str) -> InstalledExtensions:
        waiting_for, deadline = f"other resets of the {self._vm}", self._context.deadline
        deadline.pause(self._context.azure.poll_interval, waiting_for=waiting_for, last_seen=last_seen)
        with awaiting(waiting_for, deadline=deadline, last_seen=last_seen):
            return self._installed()


class _Overtaken(Exception):
    """Another reset of the VM, or the removal of the extension, came in between."""

    def __init__(self, error: AccessError) -> None:
        super().__init__(error.message)
        self.error = error


def _raise_if_overtaken(error: AccessError) -> None:
    removed = isinstance(error, NotFound) and error.code == "ResourceNotFound" and "extensions/" in error.message
    going = error.code == "OperationNotAllowed" and "VM extension" in error.message
    if error.code in _OVERTAKEN or removed or going:
        raise _Overtaken(error) from error


def _marker(extension: AccessExtension | None) -> Marker | None:
    """Which password was set last; None unless that succeeded."""
    return Marker.parse(extension.tag) if extension is not None and extension.succeeded else None


def _source(options: Options, context: Context, account: Account) -> PasswordSource:
    if options.password is not None:
        return GivenPassword(options.password, account)
    azure = context.azure
    uri = vault_uri(options.vault_name, azure.vault_suffix) if options.vault_name else None
    secret = password_secret(options.secret or default_secret_name(options.target.name), vault_uri=uri)
    if not options.generate:
        return VaultPassword(azure, secret, account)
    if secret.version:
        raise InvalidInput(
            code="InvalidSecretName",
            message="generate: true makes a new version of the secret, but password_secret names a version.",
            hint="Leave the version out of the URL.",
        )
    return GeneratedPassword(azure, secret, account, length=options.length, renew=options.force)


def _check_sources(options: Options) -> None:
    if options.mode == CONFIGURATION:
        if options.sources:
            raise InvalidInput(
                code="PasswordNotUsed",
                message=f"{options.sources[0]} is set, but mode: configuration sets no password.",
                hint="Set mode: password or mode: both.",
            )
    elif len(options.sources) != 1:
        raise InvalidInput(
            code="PasswordSource",
            message=f"mode: {options.mode} needs a password from one place"
            + (f", not from {' and '.join(options.sources)}." if options.sources else "."),
            hint="Set password; or password_secret (with vault_name); or generate: true with vault_name.",
        )
    if options.generate and not (options.vault_name or (options.secret or "").startswith("https://")):
        raise InvalidInput(
            code="VaultMissing", message="A generated password has to be kept in a vault.", hint="Set vault_name."
        )
    if options.only_if_unreachable and options.mode == "password":
        raise InvalidInput(
            code="ProbeNotUsed",
            message="only_if_unreachable is about the Remote Desktop configuration, which mode: password does not"
            " reset.",
            hint="Set mode: both, or leave it out.",
        )
    if not SHORTEST <= options.length <= LONGEST:
        raise InvalidInput(code="InvalidPasswordLength", message=f"password_length must be {SHORTEST} to {LONGEST}.")
    checked_port(options.rdp_port, option="rdp_port")


def _refuse_scale_set(vm_id: str | None) -> None:
    if _SCALE_SET in (vm_id or "").lower():
        raise InvalidInput(
            code="ScaleSetInstance",
            message="The instances of a uniform scale set are no VMs of their own: VMAccess belongs to its model.",
            hint="Add the extension to the scale set and upgrade the instance; an instance of a flexible scale set has"
            " an id as a VM of its own.",
        )


def _require_running(vm: VirtualMachine) -> None:
    try:
        require_running(vm)
    except NotReady as error:
        hint = "Start it with azvm.access.vm_power (state: started)."
        raise NotReady(code=error.code, message=error.message, hint=hint, details=error.details) from error


def _removed(vm: VirtualMachine, context: Context) -> Outcome:
    azure = context.azure
    found = extensions.find(azure, vm).access
    if found and not context.check_mode:
        _require_running(vm)
        found = extensions.settled(azure, vm, deadline=context.deadline).access
    if found and not context.check_mode:
        extensions.remove(azure, vm, found.name, deadline=context.deadline)
    name = found.name if found else None
    return Outcome(
        name="reset",
        thing={"extension": {"name": name, "existed": found is not None}, "removed": found is not None},
        before={"extension": name},
        after={"extension": None},
    )
