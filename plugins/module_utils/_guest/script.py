# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest script as a value: its name, version and text, how its parameters travel, and how its answer is read."""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import dataclass

from .._domain.errors import Refused
from .._domain.script_run import ExecutionState

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .._domain.outcome import Document
    from .._domain.script_run import ScriptRun


class ScriptFailed(Refused):
    """A script of ours ended with an error inside the VM.

    ``step`` is where, ``answer`` the script's whole answer; both are empty when it ended without one.
    """

    def __init__(self, *, script: str, code: str, message: str, hint: str, run: ScriptRun, answer: Document) -> None:
        super().__init__(
            code=code,
            message=message,
            hint=hint,
            details={
                "script": script,
                "execution_state": run.state.value,
                "exit_code": run.exit_code,
                **({"answer": answer} if answer else {"last_lines": run.last_lines()}),
            },
        )
        self.step = str(answer.get("step", ""))
        self.answer = answer


@dataclass(frozen=True, kw_only=True)
class GuestScript:
    """PowerShell text for Windows PowerShell 5.1, run as LocalSystem by Run Command.

    ``changes`` is False for a script that only looks: cutting it short does no harm.
    """

    name: str
    version: int
    text: str
    changes: bool

    @classmethod
    def assemble(cls, *, name: str, version: int, parts: tuple[str, ...], changes: bool) -> GuestScript:
        """Join parts to a whole text whose first line names the script, so that whoever receives it knows it."""
        body = "\n".join(part.strip("\n") + "\n" for part in parts)
        return cls(name=name, version=version, text=f"# azvm.access/{name} {version}\n{body}", changes=changes)

    def parameters(self, payload: Mapping[str, object]) -> dict[str, str]:
        """The Run Command parameters for a request, never part of the text."""
        encoded = json.dumps(payload, separators=(",", ":")).encode("utf-8")
        return {"Payload": base64.b64encode(encoded).decode("ascii")}

    def answer(self, run: ScriptRun, *, where: str) -> Document:
        """The JSON object that the script printed in ``where`` (the VM, for messages).

        Raises :class:`ScriptFailed` when it was ended, printed none, or reported an error.
        """
        ended = _ENDED.get(run.state)
        if ended:
            raise ScriptFailed(
                script=self.name,
                code=f"Script{run.state.value}",
                message=f"The script {self.name} in the {where} {ended}; last lines: {run.last_lines().rstrip('.')}.",
                hint="Run the task again; if it ends the same way, restart the VM.",
                run=run,
                answer={},
            )
        answer = _json_object(run.output)
        if answer is None:
            raise ScriptFailed(
                script=self.name,
                code="ScriptWithoutAnswer",
                message=f"The script {self.name} in the {where} ended with exit code {run.exit_code} and without an"
                f" answer; last lines: {run.last_lines().rstrip('.')}.",
                hint="PowerShell itself may be broken or restricted (AppLocker, constrained language mode) in the VM.",
                run=run,
                answer={},
            )
        if answer.get("ok") is not True or run.exit_code or run.state is ExecutionState.FAILED:
            raise ScriptFailed(
                script=self.name,
                code="ScriptFailed",
                message=f"The script {self.name} in the {where} failed"
                f" at the step {answer.get('step') or 'unknown'}: {answer.get('message') or run.last_lines()}",
                hint="",
                run=run,
                answer=answer,
            )
        return answer


_ENDED: Mapping[ExecutionState, str] = {
    ExecutionState.TIMED_OUT: "took too long and was ended",
    ExecutionState.CANCELED: "was cancelled by somebody",
}


def _json_object(output: str) -> Document | None:
    """The one object in the output; line breaks in it are the console's, since ConvertTo-Json escapes its own."""
    start = output.find("{")
    try:
        found = json.loads("".join(output[start:].splitlines())) if start >= 0 else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
