# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a reset failed, and what to do next: VMAccess's reports and Azure's codes in plain words.

Sources: Microsoft's "VMAccess Extension for Windows" (error messages) and "Reset Remote Desktop Services or its
administrator password in a Windows VM".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_REPORT = re.compile(
    r"Error message: (?P<quote>['\"])(?P<text>.*?)(?P=quote)\.?\s*(?:More information|\(|$)", re.DOTALL
)
# A .NET exception: its type in front of the text, the call stack behind it.
_EXCEPTION = re.compile(r"System\.[\w.]+(?: \(0x[0-9A-Fa-f]{8}\))?: ")
_WRAPPER = re.compile(r"^Cannot update Remote Desktop Connection settings for \S+ account\.\s*(?:Error: )?")
_STACK = re.compile(r"\s*(?:--- End of inner exception stack trace ---|at (?:System|Microsoft)\.\w).*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A row of the table: the cause of errors with Azure's ``code`` ("": any) in whose message ``text`` is found.

    ``untouched``: it is certain that the account's password is the one of before.
    """

    name: str
    code: str = ""
    text: str = ""
    sentence: str
    hint: str
    untouched: bool = False

    def fits(self, code: str, text: str) -> bool:
        return self.code in ("", code) and re.search(self.text, text, re.IGNORECASE) is not None


_RESTART = "Restart the VM (azvm.access.vm_power, state: restarted), then run the task again."

DOMAIN_CONTROLLER = Cause(
    name="DomainController",
    text="does not support Domain Controller",
    sentence="VMAccess does not support domain controllers",
    hint="Domain controllers have no local accounts: reset the domain account's password, or switch Remote Desktop on,"
    " with a script in the VM (Run Command).",
    untouched=True,
)
EXTENSIONS_OFF = Cause(
    name="ExtensionsNotAllowed",
    code="OperationNotAllowed",
    text="allowExtensionOperations",
    sentence="the VM does not allow extensions",
    hint="Set osProfile.allowExtensionOperations to true: az vm update --set osProfile.allowExtensionOperations=true.",
    untouched=True,
)

# The first that fits counts: what the handler reports comes before Azure's codes.
_CAUSES = (
    DOMAIN_CONTROLLER,
    Cause(
        name="PasswordPolicy",
        text="password policy|0x800708C5",
        sentence="the password policy inside the VM does not take this password",
        hint="Take a longer one of more kinds of characters that was not used before; a domain or local policy may ask"
        " for more than Windows does by default.",
        untouched=True,
    ),
    Cause(
        name="PasswordMissing",
        text="password cannot be null or empty",
        sentence="the password did not reach VMAccess",
        hint="Run the task again; if it fails again, remove the extension (state: absent) first.",
        untouched=True,
    ),
    Cause(
        name="UserNotAdministrator",
        text="not in the Administrators group",
        sentence="the account exists and is no administrator, so VMAccess does not touch it",
        hint="Name an administrator; or a new one with allow_other_user: true, and change this account from there.",
        untouched=True,
    ),
    Cause(
        name="FirewallServiceStopped",
        text="0x800706D9|endpoint mapper",
        sentence="the service Windows Defender Firewall (MpsSvc) does not run, so no rule could be made",
        hint="Start it with a script in the VM (Run Command), then run the task again.",
    ),
    EXTENSIONS_OFF,
    Cause(
        name="AgentSilent",
        code="VMAgentStatusCommunicationError",
        sentence="the VM agent does not report; the reset may still happen when it comes back",
        hint=_RESTART + " If that does not help, look at the VM's boot diagnostics.",
    ),
    Cause(
        name="HandlerSilent",
        code="VMExtensionProvisioningTimeout",
        sentence="VMAccess did not report in time; the reset may have happened",
        hint=_RESTART,
    ),
    Cause(
        name="HandlerBroken",
        code="VMExtensionHandlerNonTransientError",
        sentence="VMAccess could not be installed or started in the VM",
        hint="Remove it (state: absent), then run the task again.",
    ),
    Cause(
        name="VmNotRunning",
        code="CannotModifyExtensionsWhenVMNotRunning",
        sentence="the VM does not run",
        hint="Start it with azvm.access.vm_power (state: started).",
        untouched=True,
    ),
    Cause(
        name="OtherExtension",
        code="MultipleExtensionsPerHandlerNotAllowed",
        sentence="somebody installed VMAccess under another name at the same moment",
        hint="Run the task again: it takes the extension that is there.",
        untouched=True,
    ),
    Cause(
        name="Overtaken",
        code="OperationPreempted",
        sentence="another reset of this VM, or the removal of the extension, came in between",
        hint="Run the task again.",
    ),
    Cause(
        name="VersionNotFound",
        code="ArtifactVersionNotFound",
        sentence="Azure has no VMAccess of this version in the region",
        hint="Remove the extension (state: absent), then run the task again.",
        untouched=True,
    ),
    Cause(
        name="HandlerNotFound",
        code="ArtifactNotFound",
        sentence="Azure has no VMAccess in this cloud or region",
        hint="Use a script in the VM (Run Command) instead.",
        untouched=True,
    ),
)


def cause_of(code: str, text: str) -> Cause | None:
    """The cause behind Azure's ``code`` and message; None for one that isn't known."""
    return next((cause for cause in _CAUSES if cause.fits(code, text)), None)


def report_in(text: str) -> str:
    """What the handler itself said, out of Azure's message around it and without the call stack; "" when nothing."""
    found = _REPORT.search(text)
    return readable(found["text"]) if found else ""


def readable(report: str) -> str:
    """A handler's report in one line: without exception types and call stacks."""
    line = " ".join(report.split())
    line = _STACK.sub("", _WRAPPER.sub("", line))
    # The innermost of nested exceptions tells; what is before the last type is its wrapping.
    parts = [part for part in _EXCEPTION.split(line) if any(one.isalpha() for one in part)]
    return parts[-1].strip() if parts else ""
