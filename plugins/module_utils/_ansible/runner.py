# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an Ansible task to an operation and back: the only place that calls exit_json and fail_json."""

from __future__ import annotations

import logging
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from .._azure.clients import AzureClients
from .._azure.credentials import sign_in
from .._domain.deadline import Deadline
from .._domain.errors import AccessError, InvalidInput
from .._domain.resource_id import ResourceId
from .._operations.context import Context
from .arguments import AZURE, Arguments

if t.TYPE_CHECKING:
    from .._domain.outcome import Outcome

Parameters = t.Mapping[str, t.Any]
Options = t.TypeVar("Options")

_YEAR = 366 * 24 * 60 * 60


def run(
    arguments: Arguments,
    *,
    options: t.Callable[[Parameters], Options],
    operation: t.Callable[[Options, Context], Outcome],
    **rules: t.Any,
) -> None:
    """Run one module.

    ``arguments`` are added to those of the azure fragment; ``rules`` are AnsibleModule's (``required_if``...).
    ``options`` turns the parameters into the operation's own value and refuses bad ones before anything is sent;
    ``operation`` does the work. An :class:`AccessError` becomes ``failed`` with ``msg`` and ``failure``.
    """
    logging.getLogger("azure").addHandler(logging.NullHandler())  # what went wrong is in the result
    module = AnsibleModule(argument_spec={**AZURE, **arguments}, supports_check_mode=True, **rules)
    try:
        wanted = options(module.params)
        outcome = operation(wanted, _context(module))
    except AccessError as error:
        module.fail_json(msg=_sentence(error), failure=error.as_failure())
    for warning in outcome.warnings:
        module.warn(warning)
    result: dict[str, t.Any] = {"changed": outcome.changed, outcome.name: outcome.thing}
    if module._diff:  # noqa: SLF001 - AnsibleModule has no public name for --diff
        result["diff"] = {"before": outcome.before or {}, "after": outcome.after or {}}
    module.exit_json(**result)


def _context(module: AnsibleModule) -> Context:
    parameters: Parameters = module.params
    if not (1 <= parameters["timeout"] <= _YEAR and 0 < parameters["poll_interval"] <= _YEAR):
        raise InvalidInput(
            code="InvalidTimeout",
            message="timeout and poll_interval are seconds: greater than zero, and not longer than a year.",
        )
    subscription = ResourceId.parse(parameters["vm_id"]).subscription if parameters.get("vm_id") else None
    return Context(
        azure=AzureClients(
            lambda: sign_in(parameters, environment=os.environ),
            subscription=subscription,
            poll_interval=parameters["poll_interval"],
            timeout=parameters["timeout"],
        ),
        deadline=Deadline(parameters["timeout"]),
        check_mode=module.check_mode,
    )


def _sentence(error: AccessError) -> str:
    return " ".join(part for part in (error.message, error.hint) if part)
