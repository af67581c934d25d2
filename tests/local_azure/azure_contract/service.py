# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the service itself is known to differ from its specifications, so that doing as it does is no violation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .values import Problem


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`side` is request, answer, or both: what was read is written back.

    `operation`, `at` and `text` are regular expressions for the whole of what they describe.
    """

    side: str
    operation: str
    kind: str
    at: str = ".*"
    text: str = ".*"
    reason: str

    def covers(self, operation: str, side: str, problem: Problem) -> bool:
        return (
            self.side in (side, "both")
            and self.kind == problem.kind
            and re.fullmatch(self.operation, operation) is not None
            and re.fullmatch(self.at, problem.at) is not None
            and re.fullmatch(self.text, problem.text, re.DOTALL) is not None
        )


_RECORDED = "recorded answers have it"
_PUBLISHED = "published answers have it"
_DOCUMENTED = "Microsoft's documentation shows such answers"
KNOWN: tuple[Difference, ...] = (
    Difference(
        side="answer",
        operation="Get(Secret|Certificate|Key)(s|Versions)|GetCertificateIssuers|GetDeleted(Secrets|Certificates|Keys)",
        kind="null",
        at="nextLink",
        reason=f"the last page says null; {_RECORDED}",
    ),
    Difference(
        side="answer",
        operation=".*Certificate.*",
        kind="unknown",
        at=r"(policy\.)?x509_props\.basic_constraints|pending|value\[\d+\]\.subject",
        reason=_RECORDED,
    ),
    Difference(
        side="answer",
        operation=".*CertificateIssuer",
        kind="unknown",
        at=r"org_details\.zip",
        reason="published answers have it",
    ),
    Difference(
        side="both",
        operation="(LoadBalancer)?NetworkInterfaces_.*",
        kind="unknown",
        at=r"(value\[\d+\]\.)?(kind|properties\.allowPort25Out)",
        reason=_RECORDED,
    ),
    Difference(
        side="both",
        operation="(LoadBalancer|InboundNatRule|OutboundRule).*",
        kind="unknown",
        at=r".*\b(enableDestinationServiceEndpoint|allowBackendPortConflict|allocationPolicy)",
        reason=_PUBLISHED,
    ),
    Difference(
        side="both",
        operation="LoadBalancer.*",
        kind="unknown",
        at=r".*loadBalancerBackendAddresses\[\d+\]\.(id|etag|type|properties\.provisioningState)",
        reason=_PUBLISHED,
    ),
    Difference(
        side="both",
        operation="NetworkWatchers_(List.*|Get|CreateOrUpdate|UpdateTags)",
        kind="unknown",
        at=r"(value\[\d+\]\.)?properties\.runningOperationIds",
        reason=_RECORDED,
    ),
    Difference(
        side="both",
        operation="JitNetworkAccessPolicies_.*",
        kind="unknown",
        at=r"(value\[\d+\]\.)?properties\.appendMode",
        reason=_RECORDED,
    ),
    Difference(
        side="answer",
        operation="state of NetworkInterfaces_GetEffectiveRouteTable",
        kind="unknown",
        at=r"value\[\d+\]\.(destinationServiceTags|hasBgpOverride|tagMap)",
        reason=_RECORDED,
    ),
    Difference(
        side="answer",
        operation="state of NetworkInterfaces_ListEffectiveNetworkSecurityGroups",
        kind="type",
        at=r"value\[\d+\]\.tagMap",
        reason=f"an object of lists, declared as a string; {_RECORDED}",
    ),
    Difference(
        side="answer",
        operation="state of NetworkWatchers_VerifyIPFlow",
        kind="unknown",
        at="ruleId",
        reason=_RECORDED,
    ),
    Difference(
        side="answer",
        operation="state of NetworkWatchers_CheckConnectivity",
        kind="unknown",
        at="errors",
        reason=_RECORDED,
    ),
    Difference(
        side="answer",
        operation="state of (VirtualMachines_.*|an operation)",
        kind="unknown",
        at="properties",
        reason=f"the status document of an action carries its output; {_RECORDED}",
    ),
    Difference(
        side="answer",
        operation="state of Vaults_PurgeDeleted",
        kind="body",
        reason=f"the poll behind Location ends with a body; {_RECORDED}",
    ),
    Difference(
        side="answer",
        operation="VirtualMachine.*_(InstanceView|Get|AssessPatches|InstallPatches)",
        kind="null",
        at=r"(.*\.)?error",
        reason="the specification's own examples have it",
    ),
    Difference(
        side="answer",
        operation="VirtualMachine(s|Extensions|RunCommands)_.*",
        kind="unknown",
        at=r"error\.innererror\.internalErrorCode",
        reason=_DOCUMENTED,
    ),
    Difference(
        side="answer",
        operation="NetworkWatchers_.*",
        kind="unknown",
        at=r"error\.details",
        reason="all refusals of the provider have it, declared or not",
    ),
    Difference(
        side="answer",
        operation="Subscriptions_List",
        kind="unknown",
        at="count",
        reason=_PUBLISHED,
    ),
    Difference(
        side="answer",
        operation="Subscriptions_List|Tenants_List",
        kind="required",
        text="the required property nextLink is missing",
        reason="published answers have none on the last page",
    ),
    Difference(
        side="answer",
        operation="RoleAssignments_.*",
        kind="null",
        at=r"(value\[\d+\]\.)?properties\.\w+",
        reason=_DOCUMENTED,
    ),
    Difference(
        side="request",
        operation="Vaults_.*",
        kind="unknown",
        at="id|name|type|systemData",
        reason="what Resource Manager itself puts into every document may be written back",
    ),
    Difference(
        side="request",
        operation=r"GET (/metadata/\{\}|/subscriptions/.*/providers/Microsoft\.Authorization/permissions)"
        r"|\w+ /subscriptions/.*/providers/Microsoft\.Authorization/locks(/\{\})?"
        r"|GET /subscriptions/\{\}/providers/Microsoft\.Network/locations/\{\}/CheckDnsNameAvailability",
        kind="operation",
        reason="endpoints of a cloud, rights, locks and free labels: documented, no specification at hand",
    ),
    Difference(
        side="request",
        operation="VirtualMachines_(Capture|Update)",
        kind="type",
        text="string where boolean is declared",
        reason="true in quotes is taken for true; recorded",
    ),
)


def without_known(operation: str, side: str, problems: Iterable[Problem]) -> list[Problem]:
    """The problems that no known difference explains."""
    return [one for one in problems if not any(known.covers(operation, side, one) for known in KNOWN)]
