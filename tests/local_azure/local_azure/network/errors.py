# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that the network provider makes. Its envelope always has a `details` list, mostly an empty one."""

from __future__ import annotations

from collections.abc import Sequence

from ..core import errors as core_errors
from ..core.errors import AzureError
from ..core.wire import Json

not_rehearsed = core_errors.not_rehearsed


def refused(code: str, message: str, *, status: int = 400, details: list[Json] | None = None) -> AzureError:
    """Any error of this provider."""
    return AzureError(status, code, message, details=details or [])


def child_not_found(id: str) -> AzureError:
    """404 for a missing rule, subnet or the like of an existing parent."""
    return refused("NotFound", f"Resource {id} not found.", status=404)


def unparsable(reason: str) -> AzureError:
    return refused(
        "InvalidRequestFormat",
        "Cannot parse the request.",
        details=[{"code": "InvalidJson", "message": reason}],
    )


def invalid_reference(missing: str, referrer: str) -> AzureError:
    return refused(
        "InvalidResourceReference",
        f"Resource {missing} referenced by resource {referrer} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region.",
    )


def invalid_name(name: str) -> AzureError:
    return refused(
        "InvalidResourceName",
        f"Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word "
        "character, and it must end with a word character or with '_'. The name may contain word characters or "
        "'.', '-', '_'.",
    )


def location_required() -> AzureError:
    return AzureError(400, "LocationRequired", "The location property is required for this definition.", gateway=True)


def location_changed(name: str, group: str, existing: str, wanted: str) -> AzureError:
    return AzureError(
        409,
        "InvalidResourceLocation",
        f"The resource '{name}' already exists in location '{existing}' in resource group '{group}'. A resource with "
        f"the same name cannot be created in location '{wanted}'. Please select a new resource name.",
        gateway=True,
    )


def rule_conflict(rule: str, other: str) -> AzureError:
    return refused(
        "SecurityRuleConflict",
        f"Security rule {rule} conflicts with rule {other}. Rules cannot have the same Priority and Direction. "
        "To learn more, see aka.ms/nsgrules.",
    )


def rule_priority(given: object) -> AzureError:
    return refused(
        "SecurityRuleInvalidPriority",
        f"Security rule has invalid Priority. Value provided: {given} Allowed range 100-4096.",
    )


def rule_port_range(given: str) -> AzureError:
    return refused(
        "SecurityRuleInvalidPortRange",
        f"Security rule has invalid Port range. Value provided: {given}. Value should be an integer OR integer range "
        "with '-' delimiter. Valid range 0-65535.",
    )


def rule_address_prefix(rule_id: str, given: str) -> AzureError:
    return refused(
        "SecurityRuleInvalidAddressPrefix",
        f"Security rule {rule_id} has invalid Address prefix. Value provided: {given}",
    )


def rule_unsupported_prefix(rule_id: str, parameter: str, given: str) -> AzureError:
    """A tag or "*" in a plural field; the message names the singular parameter, as the service does."""
    return refused(
        "SecurityRuleParameterContainsUnsupportedValue",
        f"Security rule parameter {parameter} for rule with Id {rule_id} cannot specify existing VIRTUALNETWORK, "
        f"INTERNET, AZURELOADBALANCER, '*' or system tags. Unsupported value used: {given}.",
    )


def rule_unsupported_ports(rule_id: str, parameter: str, given: str) -> AzureError:
    return refused(
        "SecurityRuleParameterContainsInvalidPortRanges",
        f"Security rule parameter {parameter} for rule with Id {rule_id} contains invalid port ranges. "
        f"Unsupported value used: {given}.",
    )


def rule_parameter_missing(rule_id: str, parameter: str) -> AzureError:
    return refused(
        "SecurityRuleParameterMissing",
        f"Required security rule parameter {parameter} is missing for security rule with Id: {rule_id}.",
    )


def rule_parameters_missing(rule_id: str, alternatives: Sequence[str]) -> AzureError:
    *first, last = alternatives
    named = f"{', '.join(first)}, or {last}" if len(first) > 1 else f"{first[0]} or {last}"
    return refused(
        "SecurityRuleParametersMissing",
        f"Required security rule parameters are missing for security rule with Id: {rule_id}. "
        f"Security rule must specify {named}.",
    )


def rule_parameters_conflict(rule_id: str, first: str, second: str) -> AzureError:
    """Both forms of one field. Only the refusal is known, not its wording."""
    return refused(
        "SecurityRuleParametersConflict",
        f"Security rule with Id: {rule_id} cannot specify both {first} and {second}.",
    )


def rule_access(rule_id: str, tag: str) -> AzureError:
    return refused(
        "SecurityRuleInvalidAccessType",
        f"Security rule {rule_id} has invalid Access type. Service tag {tag} can only be used with Deny.",
    )


def rule_description(rule_id: str, length: int) -> AzureError:
    """The limit of 140 is documented; the wording isn't recorded."""
    return refused(
        "SecurityRuleInvalidDescription",
        f"Security rule {rule_id} has a description of {length} characters. The maximum length is 140.",
    )


def too_many_rules(group_id: str, limit: int) -> AzureError:
    """The limit is documented; the wording isn't recorded."""
    return refused(
        "SecurityRulesLimitReached",
        f"Cannot create more than {limit} security rules in network security group {group_id}.",
    )


def group_in_use(group_id: str, users: Sequence[str]) -> AzureError:
    return refused(
        "InUseNetworkSecurityGroupCannotBeDeleted",
        f"Network security group {group_id} cannot be deleted because it is in use by the following resources: "
        f"{', '.join(users)}. In order to delete the Network security group, remove the association with the "
        "resource(s). To learn how to do this, see aka.ms/deletensg.",
    )


def gateway_on_secondary(interface_id: str, configuration: str) -> AzureError:
    return refused(
        "ApplicationGatewayLoadBalancingNotSupportedOnSecondaryIpConfigurations",
        f"Network Interface with Id: {interface_id} has a secondary IpConfigurations {configuration} is using "
        "ApplicationGatewayAddressPools. ApplicationGateway loadbalancing is not supported for secondary "
        "IpConfigurations.",
    )


def encryption_half_stated(network_id: str) -> AzureError:
    return refused(
        "MustSpecifyBothEncryptionIntentAndEnforcementPolicy",
        f"Cannot encrypt VirtualNetwork {network_id} unless both encryption intent (Enabled true or false) and "
        "enforcement policy (AllowUnencrypted or DropUnencrypted) are specified.",
    )


def interface_in_use(interface_id: str, vm_id: str) -> AzureError:
    return refused(
        "NicInUse",
        f"Network Interface {interface_id} is used by existing resource {vm_id}. In order to delete the network "
        "interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
    )


def subnet_in_use(name: str, users: Sequence[str]) -> AzureError:
    return refused(
        "InUseSubnetCannotBeDeleted",
        f"Subnet {name} is in use by {', '.join(users)} and cannot be deleted. In order to delete the subnet, delete "
        "all the resources within the subnet. See aka.ms/deletesubnet.",
    )


def public_address_allocated(address_id: str, user: str) -> AzureError:
    return refused(
        "PublicIPAddressCannotBeDeleted",
        f"Public IP address {address_id} can not be deleted since it is still allocated to resource {user}. In order "
        "to delete the public IP, disassociate/detach the Public IP address from the resource.  To learn how to do "
        "this, see aka.ms/deletepublicip.",
    )


def global_address_not_standard(address_id: str) -> AzureError:
    return refused(
        "GlobalPublicIPAddressNotSupportedForBasicPublicIpAddress",
        "Global publicIP addresses are only supported for standard SKU public IP addresses. Public IP address "
        f"{address_id} is not standard SKU.",
    )


def public_address_in_use(user: str, address_id: str, holder: str) -> AzureError:
    return refused(
        "PublicIPAddressInUse",
        f"Resource {user} is referencing public IP address {address_id} that is already allocated to resource "
        f"{holder}.",
    )


def nat_rule_in_use(rule: str, holder: str) -> AzureError:
    """One rule leads to one IP configuration; only the refusal is known, not its wording."""
    return refused(
        "InboundNatRuleAlreadyInUse", f"Inbound NAT rule {rule} is already used by IP configuration {holder}."
    )


def balancer_part_in_use(part_id: str, users: Sequence[str]) -> AzureError:
    """Only the refusal is known, not its wording."""
    return refused("LoadBalancerPartInUse", f"{part_id} cannot be deleted because it is in use by {', '.join(users)}.")


def same_backend_port(first: str, second: str, port: int, configuration: str) -> AzureError:
    return refused(
        "RulesUseSameBackendPortProtocolAndIPConfig",
        f"Load balancer rules {first} and {second} with floating IP disabled use the same backend port {port} and "
        f"protocol Tcp, and must not be used with the same backend IP {configuration}.",
    )


def different_skus(first: str, second: str) -> AzureError:
    """The wording speaks of an availability set for lone VMs, too."""
    return refused(
        "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed",
        "Different basic sku and standard sku load balancer or public Ip resources in availability set is not allowed "
        f"{first} and {second}.",
    )


def ip_version_mismatch(address: str, version: str, configuration: str, wanted: str) -> AzureError:
    return refused(
        "IPVersionForPublicIpAndNicIpConfigurationMustMatch",
        f"IP version for publicIPAddress '{address}', version '{version}' and network interface ipConfiguration "
        f"'{configuration}', version '{wanted}' must match.",
    )


def primary_version(configuration: str) -> AzureError:
    """Only the refusal is known, not its wording."""
    return refused(
        "PrimaryIPConfigurationMustBeIPv4", f"The primary IP configuration {configuration} must have version IPv4."
    )


def application_group_in_use(group_id: str, users: Sequence[str]) -> AzureError:
    return refused(
        "InUseApplicationSecurityGroupCannotBeDeleted",
        f"Application security group {group_id} cannot be deleted because it is in use by the following resources: "
        f"{', '.join(users)}.",
    )


def prefix_format(prefix: str, resource_id: str) -> AzureError:
    return refused(
        "InvalidAddressPrefixFormat",
        f"Address prefix {prefix} of resource {resource_id} is not formatted correctly. It should follow CIDR "
        "notation, for example 10.0.0.0/24.",
    )


def retryable(writer: str, resource_id: str, retry_after: str) -> AzureError:
    """429: another write on the same resource is running."""
    return AzureError(
        429,
        "RetryableError",
        "A retryable error occured.",
        details=[
            {
                "code": "RetryableErrorDueToAnotherOperation",
                "message": f"Operation {writer} is updating resource {resource_id}. "
                f"The call can be retried in {retry_after} seconds.",
            }
        ],
        headers={"Retry-After": retry_after},
    )


def another_operation(location: str, subscription: str, operation: str, retry_after: str | None) -> AzureError:
    """409: the other wording for the same thing; the service sends no Retry-After with it, a test may ask for one."""
    return AzureError(
        409,
        "AnotherOperationInProgress",
        "Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: "
        f"https://{location}.network.azure.com/subscriptions/{subscription}/providers/Microsoft.Network/locations/"
        f"{location}/operations/{operation}?api-version=2024-05-01.",
        details=[],
        headers={"Retry-After": retry_after} if retry_after is not None else {},
    )
