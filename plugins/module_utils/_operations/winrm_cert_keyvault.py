# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""winrm_cert_keyvault: a certificate in Key Vault, its versioned secret URL, and its reference in the VM."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._azure import compute, network, vaults
from .._azure.polling import awaited, awaiting
from .._domain.certificates import CertificateNames, Validity, reason_to_renew
from .._domain.errors import Busy, Conflict, InvalidInput
from .._domain.network import chosen_interface
from .._domain.outcome import Document, Outcome
from .._domain.references import all_urls, with_reference, without_references
from .._domain.resource_id import VmTarget
from .._domain.vaults import (
    checked_object_name,
    checked_store,
    checked_vault_name,
    default_certificate_name,
    default_vault_name,
    require_region,
    versions_of,
)
from .._domain.virtual_machine import certificates_missing, require_os_profile, require_running, require_windows
from .certificate_holders import ControllerCertificate, VaultCertificate, WantedCertificate
from .key_vault import WantedVault, settled_vault
from .nat import nat_addresses
from .vm_network import addresses

if t.TYPE_CHECKING:
    from .._domain.certificates import CertificateVersion
    from .._domain.references import Groups
    from .._domain.vaults import Vault
    from .._domain.virtual_machine import VirtualMachine
    from .certificate_holders import CertificateHolder
    from .context import Context


# In check mode, instead of the version of a certificate that would be made.
_UNKNOWN = "<new>"

# The failure of an update that was overtaken by a later one.
_PREEMPTED = "OperationPreempted"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the module was asked for, checked."""

    target: VmTarget
    present: bool
    vault_name: str | None
    vault_resource_group: str
    vault_sku: str
    create_vault: bool
    recover_deleted: bool
    vault_channel: str
    certificate_name: str
    key_source: str
    key_size: int
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    include_vm_names: bool
    validity: Validity
    store: str
    reference: bool
    keep_previous: bool
    network_interface: str | None
    force_renew: bool
    remove_certificate: bool
    rights_timeout: float

    @classmethod
    def from_parameters(cls, parameters: t.Mapping[str, t.Any]) -> Options:
        """Raise :class:`InvalidInput` for what a vault or a certificate could not take."""
        target = VmTarget.from_options(parameters)
        dns, ip = tuple(parameters["dns_names"] or ()), tuple(parameters["ip_addresses"] or ())
        CertificateNames.of(dns, ip, fallback=target.name)
        if not parameters["include_vm_names"] and not dns and not ip:
            raise InvalidInput(
                code="NamesMissing",
                message="With include_vm_names: false the certificate would hold no name at all.",
                hint="Name what people connect to in dns_names or ip_addresses.",
            )
        if parameters["key_source"] == "vault" and parameters["vault_channel"] == "resource_manager":
            raise InvalidInput(
                code="ChannelNotPossible",
                message="A certificate that the vault makes itself can't be asked for through Resource Manager.",
                hint="Use key_source: controller, or leave vault_channel out.",
            )
        validity = Validity.of_days(
            validity_days=parameters["validity_days"], renew_before_days=parameters["renew_before_days"]
        )
        if parameters["key_source"] == "vault":
            validity.whole_months()
        return cls(
            target=target,
            present=parameters["state"] == "present",
            vault_name=checked_vault_name(parameters["vault_name"]) if parameters["vault_name"] else None,
            vault_resource_group=parameters["vault_resource_group"] or target.resource_group,
            vault_sku=parameters["vault_sku"],
            create_vault=parameters["create_vault"],
            recover_deleted=parameters["recover_deleted"],
            vault_channel=parameters["vault_channel"],
            certificate_name=checked_object_name(
                parameters["certificate_name"] or default_certificate_name(target.name)
            ),
            key_source=parameters["key_source"],
            key_size=parameters["key_size"],
            dns_names=dns,
            ip_addresses=ip,
            include_vm_names=parameters["include_vm_names"],
            validity=validity,
            store=checked_store(parameters["certificate_store"]),
            reference=parameters["reference"],
            keep_previous=parameters["previous_references"] == "keep",
            network_interface=parameters["network_interface"] or None,
            force_renew=parameters["force_renew"],
            remove_certificate=parameters["remove_certificate"],
            rights_timeout=parameters["rights_timeout"],
        )

    @property
    def certificate(self) -> WantedCertificate:
        return WantedCertificate(
            name=self.certificate_name,
            key_size=self.key_size,
            validity=self.validity,
            channel=self.vault_channel,
            may_recover=self.recover_deleted,
            rights_timeout=self.rights_timeout,
        )

    def vault(self, name: str, vm: VirtualMachine) -> WantedVault:
        return WantedVault(
            name=name,
            resource_group=self.vault_resource_group,
            location=vm.location,
            sku=self.vault_sku,
            may_create=self.create_vault,
            may_recover=self.recover_deleted,
            for_deployment=self.reference,
            used_by=str(vm),
        )


def run(options: Options, context: Context) -> Outcome:
    """Read the VM, then settle vault, certificate and reference one after the other; or take them back."""
    vm = compute.read_vm(context.azure, options.target)
    if options.reference:
        require_windows(vm)
    vault_name = options.vault_name or default_vault_name(
        context.azure.subscription, options.vault_resource_group, vm.location
    )
    found = vaults.find(context.azure, options.vault_resource_group, vault_name)
    if options.present:
        return _present(options, context, vm, vault_name, found)
    return _absent(options, context, vm, vault_name, found)


def _present(options: Options, context: Context, vm: VirtualMachine, vault_name: str, found: Vault | None) -> Outcome:
    if options.reference:
        require_os_profile(vm)
        if found:
            require_region(found, vm.location, vm=str(vm))
        require_running(vm)
    names = _names(options, context, vm)
    vault = settled_vault(options.vault(vault_name, vm), found, context)
    # Only check mode knows a vault without an endpoint: one that would be made. It can hold nothing yet.
    holder = _holder(options, context, vault) if vault.uri else None
    stored = holder.current() if holder else None
    current = stored or (_brought_back(holder, context) if holder else None)
    reason = reason_to_renew(
        current, names=names, validity=options.validity, now=context.azure.now()[1], forced=options.force_renew
    )
    certificate = current
    if reason:
        certificate = holder.renewed(names, instead_of=current) if holder and not context.check_mode else None
    uri = vault.uri or _uri_of(context, vault_name)
    url = certificate.secret_url if certificate else f"{uri}secrets/{options.certificate_name}/{_UNKNOWN}"
    vm = _quiet(context, vm, options.target)
    before = _references(options, vm.secrets, uri)
    secrets = _settled_references(options, context, vm, vault, url) if options.reference else vm.secrets
    # Another run may have made one at the same moment: both go on with the newest.
    latest = holder.current() if holder and reason and not context.check_mode else None
    if latest and latest.secret_url != url:
        certificate, url = latest, latest.secret_url
        secrets = _settled_references(options, context, vm, vault, url) if options.reference else secrets
    references = _references(options, secrets, uri)
    return Outcome(
        name="certificate",
        thing={
            **_certificate(options, names, certificate),
            "vault": _vault(vault),
            "channel": holder.channel if holder else None,
            "renewed": reason is not None,
            "reason": reason,
            "previous": [each for each in references if each.lower() != url.lower()],
        },
        before=_state(found, stored.secret_url if stored else None, before, vm),
        after=_state(vault, url, references),
    )


def _brought_back(holder: CertificateHolder, context: Context) -> CertificateVersion | None:
    """The soft-deleted certificate of that name, live again."""
    deleted = holder.deleted()
    return deleted if deleted is None or context.check_mode else holder.recovered()


def _absent(options: Options, context: Context, vm: VirtualMachine, vault_name: str, found: Vault | None) -> Outcome:
    # Everything is read before anything is written: what is somebody else's stops the run while nothing is changed.
    holder = _holder(options, context, found) if options.remove_certificate and found else None
    current = holder.current() if holder else None
    if holder and found and current:
        holder.require_removable()
        _require_unused(options, context, vm, found)
    # A vault that is gone may still be referred to; its endpoint follows from its name.
    before = _references(options, vm.secrets, found.uri if found else _uri_of(context, vault_name))
    removed = current is not None
    if not context.check_mode:
        if options.reference and before:
            _update(context, vm, options.target, lambda groups: without_references(groups, before))
        # After the reference: a VM that refers to a deleted secret does not start any more.
        removed = holder.remove() if holder and current else False
    return Outcome(
        name="certificate",
        thing={
            "name": options.certificate_name,
            "vault": _vault(found) if found else None,
            "removed": removed,
            "references_removed": before if options.reference else [],
        },
        before=_state(None, current.secret_url if current else None, before),
        after=_state(None, None, [] if options.reference else before),
    )


def _require_unused(options: Options, context: Context, vm: VirtualMachine, vault: Vault) -> None:
    """Raise :class:`Conflict` when a VM of the group would still refer to the certificate after its deletion."""
    users = [
        each.name
        for each in compute.vms_of(context.azure, vm.id.resource_group)
        if _references(options, each.secrets, vault.uri) and not (options.reference and each.id == vm.id)
    ]
    if users:
        raise Conflict(
            code="CertificateInUse",
            message=f"The certificate {options.certificate_name} of the key vault {vault.id.name} can't be deleted: VMs"
            f" that refer to it would not start any more ({', '.join(users)}).",
            hint="Take their references away first (state: absent, reference: true); remove_certificate is for the last"
            " one.",
            details={"virtual_machines": users},
        )


def _uri_of(context: Context, vault_name: str) -> str:
    return f"https://{vault_name.lower()}.{context.azure.vault_suffix}/"


def _names(options: Options, context: Context, vm: VirtualMachine) -> CertificateNames:
    dns: list[str | None] = list(options.dns_names)
    ip: list[str | None] = list(options.ip_addresses)
    if options.include_vm_names:
        nic = network.network_interface(
            context.azure, chosen_interface(vm.network_interfaces, options.network_interface, vm=str(vm))
        )
        known = addresses(context.azure, nic)
        fronts = [] if nic.main.public_address_id else nat_addresses(context.azure, nic)
        dns += [known.fqdn, *(each.fqdn for each in fronts), vm.computer_name]
        ip += [known.public, *(each.address for each in fronts), known.private]
    # The name of the certificate is the same for all VMs that share it, which that of the VM would not be.
    return CertificateNames.of(dns, ip, fallback=options.certificate_name)


def _holder(options: Options, context: Context, vault: Vault) -> CertificateHolder:
    if options.key_source == "vault":
        return VaultCertificate(options.certificate, vault, context)
    return ControllerCertificate(options.certificate, vault, context)


def _settled_references(options: Options, context: Context, vm: VirtualMachine, vault: Vault, url: str) -> Groups:
    def wanted(groups: Groups) -> Groups:
        result = with_reference(groups, vault_id=str(vault.id), url=url, store=options.store)
        if options.keep_previous:
            return result
        previous = [each for each in versions_of(url, all_urls(result)) if each.lower() != url.lower()]
        return without_references(result, previous)

    if context.check_mode:
        return wanted(vm.secrets)
    return _update(context, vm, options.target, wanted)


def _update(context: Context, vm: VirtualMachine, target: VmTarget, wanted: t.Callable[[Groups], Groups]) -> Groups:
    """Write the references when they differ; when somebody else changes the VM meanwhile, read it and plan again."""
    while True:
        groups = wanted(vm.secrets)
        if groups == vm.secrets and not certificates_missing(vm):
            return groups
        try:
            compute.update_secrets(context.azure, vm, groups, etag=vm.etag, deadline=context.deadline)
        except Conflict as error:
            if not isinstance(error, Busy) and error.details.get("status") != 412 and error.code != _PREEMPTED:
                raise
            waiting_for, last_seen = f"a quiet moment of the {vm}", error.message
            context.deadline.pause(0.5, waiting_for=waiting_for, last_seen=last_seen)
            with awaiting(waiting_for, deadline=context.deadline, last_seen=last_seen):
                vm = compute.read_vm(context.azure, target)
            vm = _quiet(context, vm, target)
        else:
            return groups


def _quiet(context: Context, vm: VirtualMachine, target: VmTarget) -> VirtualMachine:
    """The VM once no update is under way: until then it may lack a certificate that it already refers to."""
    return awaited(
        vm,
        lambda: compute.read_vm(context.azure, target),
        over=lambda vm: vm.provisioning_state != "Updating" or context.check_mode,
        seen=lambda vm: vm.provisioning_state,
        waiting_for=f"the running update of the {vm}",
        deadline=context.deadline,
        pause=context.azure.poll_interval,
    )


def _references(options: Options, groups: Groups, vault_uri: str) -> list[str]:
    """The VM's references to this certificate, in whatever version."""
    return versions_of(f"{vault_uri}secrets/{options.certificate_name}", all_urls(groups))


def _certificate(options: Options, names: CertificateNames, certificate: CertificateVersion | None) -> Document:
    return {
        "name": options.certificate_name,
        "common_name": names.common_name,
        "dns_names": list(names.dns),
        "ip_addresses": list(names.ip),
        "secret_url": certificate.secret_url if certificate else None,
        "thumbprint": certificate.thumbprint if certificate else None,
        "thumbprint_sha256": certificate.thumbprint_sha256 if certificate else None,
        "pem": certificate.pem if certificate else None,
        "not_before": certificate.not_before.isoformat() if certificate else None,
        "not_after": certificate.not_after.isoformat() if certificate else None,
    }


def _vault(vault: Vault) -> Document:
    return {"id": str(vault.id), "name": vault.id.name, "uri": vault.uri or None, "location": vault.location}


def _vault_state(vault: Vault) -> Document:
    state: Document = {"name": vault.id.name, "enabled_for_deployment": vault.enabled_for_deployment}
    return {**state, "failed": True} if vault.failed else state


def _state(
    vault: Vault | None, certificate: str | None, references: list[str], vm: VirtualMachine | None = None
) -> Document | None:
    if vault is None and certificate is None and not references:
        return None
    return {
        "vault": _vault_state(vault) if vault else None,
        "certificate": certificate,
        "references": references,
        # Only where it says something: an update that failed over a certificate has to be made again.
        **({"failed_update": vm.failure} if vm and certificates_missing(vm) else {}),
    }
