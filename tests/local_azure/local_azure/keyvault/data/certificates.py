# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: create, import, read, update, list, delete (https://learn.microsoft.com/rest/api/keyvault/certificates).

A certificate, its key and its secret live and die together under one name.
"""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime
from uuid import uuid4

from ...core.call import Answer
from ...core.errors import AzureError
from ...core.operations import NEVER, fate
from ...core.wire import Json
from .. import issuance
from ..issuing import add_version, reserve_secret
from ..model import Certificate, CertificateVersion, Pending, Secret
from . import attributes, errors, lifecycle, paging, policy
from .call import Permission, VaultCall, VaultRoute

KIND = "Certificate"
ISSUANCE_SECONDS = 10

#: Key Vault's words for how an operation ends without a certificate.
_WORDS = {"Failed": "failed", "Canceled": "cancelled"}
_BY_HAND = "Pending certificate created. Please Perform Merge to complete the request."
_BY_ISSUER = (
    "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer "
    "provider. Please check again later."
)


async def create(call: VaultCall) -> Answer:
    """POST /certificates/{name}/create: 202 and the pending operation; issued a moment later."""
    certificate, wanted = _prepare(call)
    if certificate is None and call.body.get("policy") is None:
        raise errors.bad_parameter("The request body doesn't contain the parameter policy.")
    by_hand = _signed_by_hand(wanted)
    given = attributes.read_attributes(call.body.get("attributes"))
    tags = attributes.read_tags(call.body.get("tags"))
    request = policy.request_of(wanted)
    key = await asyncio.to_thread(issuance.generate_key, request.key)
    certificate, _wanted = _prepare(call)  # others may have come in between
    if certificate is None:
        certificate = call.contents.certificates.setdefault(call.name.lower(), Certificate(name=call.name))
    _set_policy(certificate, wanted, call.now)
    certificate.pending = Pending(
        request_id=uuid4().hex,
        csr=issuance.signing_request(request, key),
        started=call.now,
        due=NEVER if by_hand else call.now + call.azure.vaults.moment(ISSUANCE_SECONDS),
        request=request,
        key=key,
        enabled=given.enabled is not False,
        tags=tags,
        fate=fate.get(),
    )
    if certificate.pending.fate is not None and certificate.pending.fate.error is None:
        certificate.pending.due = NEVER
        certificate.pending.fate.at_end(certificate.pending.end_now)
    reserve_secret(call.contents, certificate, now=call.now, months=request.validity_months)
    pending = _pending(call, certificate, certificate.pending)
    location = f"{pending['id']}?api-version={call.api_version}&request_id={certificate.pending.request_id}"
    return Answer(status=202, body=pending, headers={"Location": location})


def import_certificate(call: VaultCall) -> Answer:
    """POST /certificates/{name}/import: a PFX or PEM with its private key, 200."""
    lifecycle.check_name(call.name, KIND)
    certificate = _writable(call)
    value, password = call.body.get("value"), call.body.get("pwd")
    if not isinstance(value, str) or not (password is None or isinstance(password, str)):
        raise errors.bad_parameter("The request body doesn't contain the parameter value.")
    try:
        upload = issuance.read_upload(value, password)
    except ValueError as error:
        raise errors.bad_parameter(
            "The specified PKCS#12 or PEM X.509 certificate content can not be read. Please check if certificate is in "
            f"valid format. ({error})"
        ) from error
    given = attributes.read_attributes(call.body.get("attributes"))
    tags = attributes.read_tags(call.body.get("tags"))
    wanted = policy.of_upload(
        upload,
        given=call.body.get("policy"),
        current=certificate.policy if certificate is not None else None,
        api_version=call.api_version,
    )
    if certificate is None:
        certificate = call.contents.certificates.setdefault(call.name.lower(), Certificate(name=call.name))
    _set_policy(certificate, wanted, call.now)
    certificate.pending = None
    add_version(call.contents, certificate, upload, now=call.now, enabled=given.enabled is not False, tags=tags)
    return Answer(status=200, body=bundle(call, certificate, certificate.current, whole=True))


def _signed_by_hand(wanted: Json) -> bool:
    """Whether the issuer is Unknown: whoever asked has the request signed somewhere and merges the certificate."""
    issuer = str((wanted.get("issuer") or {}).get("name"))
    if issuer.lower() not in ("self", "unknown"):  # azure.azcollection has only ever sent `self`
        raise AzureError(
            501, "NotModelled", f"The local Azure knows the issuers Self and Unknown only, not '{issuer}'."
        )
    return issuer.lower() == "unknown"


def get_pending(call: VaultCall) -> Answer:
    """GET /certificates/{name}/pending."""
    certificate, pending = _require_pending(call)
    return Answer(status=200, body=_pending(call, certificate, pending))


def cancel_pending(call: VaultCall) -> Answer:
    """PATCH /certificates/{name}/pending with ``{"cancellation_requested": true}``: no certificate will come of it."""
    certificate, pending = _require_pending(call)
    wanted = call.body.get("cancellation_requested")
    if not isinstance(wanted, bool):
        raise errors.bad_parameter("Property cancellation_requested has invalid value")
    if not pending.completed:
        pending.cancellation_requested = wanted
    return Answer(status=200, body=_pending(call, certificate, pending))


def merge_pending(call: VaultCall) -> Answer:
    """POST /certificates/{name}/pending/merge with ``{"x5c": [base64 DER, ...]}``: the signed certificate, 201."""
    certificate, pending = _require_pending(call)
    signed = issuance.read_signed(call.body.get("x5c"), pending.key)
    if signed is None or pending.completed:
        raise errors.bad_parameter("Unable to parse X5c certificate chain and locate leaf certificate")
    given = attributes.read_attributes(call.body.get("attributes"))
    tags = attributes.read_tags(call.body.get("tags"))
    pending.completed = True
    enabled = given.enabled if given.enabled is not None else pending.enabled
    tags = tags if tags is not None else pending.tags
    add_version(call.contents, certificate, signed, now=call.now, enabled=enabled, tags=tags)
    return Answer(status=201, body=bundle(call, certificate, certificate.current, whole=True))


def delete_pending(call: VaultCall) -> Answer:
    """DELETE /certificates/{name}/pending: forgets the operation, with the certificate if it has never been issued."""
    certificate, pending = _require_pending(call)
    answer = Answer(status=200, body=_pending(call, certificate, pending))
    certificate.pending = None
    if not certificate.versions:
        del call.contents.certificates[certificate.name.lower()]
        del call.contents.secrets[certificate.name.lower()]
    return answer


def _require_pending(call: VaultCall) -> tuple[Certificate, Pending]:
    certificate = call.contents.certificates.get(call.name.lower())
    if certificate is None or not lifecycle.is_live(call, certificate) or certificate.pending is None:
        raise errors.vault_error(404, "PendingCertificateNotFound", f"Pending certificate not found: {call.name}")
    return certificate, certificate.pending


def get_certificate(call: VaultCall) -> Answer:
    """GET /certificates/{name}[/{version}]; only the answer without version has the policy (recorded)."""
    certificate, version = _require(call)
    return Answer(status=200, body=bundle(call, certificate, version, whole="version" not in call.params))


def update_certificate(call: VaultCall) -> Answer:
    """PATCH /certificates/{name}[/{version}]: enabled, tags, policy; the secret follows."""
    certificate, version = _require(call)
    lifecycle.check_writable(call, certificate, KIND)
    given = attributes.read_attributes(call.body.get("attributes"))
    tags = attributes.read_tags(call.body.get("tags"))
    if call.body.get("policy") is not None:
        _change_policy(call, certificate, call.body["policy"])
    version.enabled = given.enabled if given.enabled is not None else version.enabled
    version.tags = tags if tags is not None else version.tags
    version.updated = call.now
    secret = call.contents.secrets[certificate.name.lower()].find(version.version)
    if secret is not None:
        secret.enabled, secret.tags, secret.updated = version.enabled, version.tags, call.now
    return Answer(status=200, body=bundle(call, certificate, version, whole="version" not in call.params))


def get_policy(call: VaultCall) -> Answer:
    certificate = require_live(call)
    return Answer(status=200, body=_policy(call, certificate))


def update_policy(call: VaultCall) -> Answer:
    """PATCH /certificates/{name}/policy: counts for the next version."""
    certificate = require_live(call)
    lifecycle.check_writable(call, certificate, KIND)
    _change_policy(call, certificate, call.body)
    return Answer(status=200, body=_policy(call, certificate))


def list_certificates(call: VaultCall) -> Answer:
    """GET /certificates; with ``includePending=true`` also those that have never been issued."""
    with_pending = call.query.get("includepending", "").lower() == "true"
    entries = [
        (key, _latest_item(call, certificate))
        for key, certificate in call.contents.certificates.items()
        if lifecycle.is_live(call, certificate) and (certificate.versions or with_pending)
    ]
    return Answer(status=200, body=paging.page(entries, url=call.page_url("certificates"), query=call.query))


def list_versions(call: VaultCall) -> Answer:
    certificate = call.contents.certificates.get(call.name.lower())
    entries = []
    if certificate is not None and lifecycle.is_live(call, certificate):
        entries = [(one.version, _item(call, certificate, one, versioned=True)) for one in certificate.versions]
    url = call.page_url(f"certificates/{call.name}/versions")
    return Answer(status=200, body=paging.page(entries, url=url, query=call.query))


def delete_certificate(call: VaultCall) -> Answer:
    """DELETE /certificates/{name}: soft-deletes it with its secret."""
    certificate = require_live(call)
    lifecycle.check_writable(call, certificate, KIND)
    if not certificate.versions:
        raise errors.vault_error(409, "Conflict", f"Certificate {certificate.name} has a pending operation.")
    certificate.deletion = lifecycle.deletion(call)
    _secret(call, certificate).deletion = certificate.deletion
    return Answer(status=200, body=deleted_bundle(call, certificate))


def list_deleted(call: VaultCall) -> Answer:
    entries = [
        (
            key,
            lifecycle.write_deletion(call, certificate, "deletedcertificates") | _deleted_item(call, certificate),
        )
        for key, certificate in call.contents.certificates.items()
        if lifecycle.is_visible_as_deleted(call, certificate)
    ]
    return Answer(status=200, body=paging.page(entries, url=call.page_url("deletedcertificates"), query=call.query))


def get_deleted(call: VaultCall) -> Answer:
    return Answer(status=200, body=deleted_bundle(call, _require_deleted(call)))


def recover_deleted(call: VaultCall) -> Answer:
    """POST /deletedcertificates/{name}/recover: the secret comes back with it."""
    certificate = lifecycle.require_deleted(call, call.contents.certificates, KIND)
    lifecycle.recover(call, certificate)
    lifecycle.recover(call, _secret(call, certificate))
    return Answer(status=200, body=bundle(call, certificate, certificate.current, whole=True))


def purge_deleted(call: VaultCall) -> Answer:
    certificate = lifecycle.require_deleted(call, call.contents.certificates, KIND)
    lifecycle.check_purge(call)
    del call.contents.certificates[certificate.name.lower()]
    del call.contents.secrets[certificate.name.lower()]
    return Answer(status=204)


def _prepare(call: VaultCall) -> tuple[Certificate | None, Json]:
    """The certificate as it is and the policy it shall have. Raises what forbids a new version."""
    lifecycle.check_name(call.name, KIND)
    certificate = _writable(call)
    if certificate is not None and certificate.pending is not None and not certificate.pending.completed:
        raise errors.vault_error(
            409,
            "Conflict",
            "A new key vault certificate can not be created or imported while a pending key vault certificate's "
            f"status is inProgress: {certificate.name}",
        )
    current = certificate.policy if certificate is not None else None
    return certificate, policy.complete(call.body.get("policy"), current=current, api_version=call.api_version)


def _writable(call: VaultCall) -> Certificate | None:
    """The live certificate of that name, if there is one. Raises 409 when the name isn't free for a certificate."""
    certificate = call.contents.certificates.get(call.name.lower())
    lifecycle.check_writable(call, certificate, KIND)
    key = call.contents.keys.get(call.name.lower())
    if key is not None:
        lifecycle.check_writable(call, key, "Key")
        raise errors.vault_error(
            409, "Conflict", f"A key with the name {key.name} already exists and belongs to no certificate."
        )
    secret = call.contents.secrets.get(call.name.lower())
    if secret is not None and not secret.managed:
        lifecycle.check_writable(call, secret, "Secret")
        raise errors.vault_error(
            409, "Conflict", f"A secret with the name {secret.name} already exists and belongs to no certificate."
        )
    return certificate


def _change_policy(call: VaultCall, certificate: Certificate, given: object) -> None:
    wanted = policy.complete(given, current=certificate.policy, api_version=call.api_version)
    _set_policy(certificate, wanted, call.now)


def _set_policy(certificate: Certificate, wanted: Json, now: datetime) -> None:
    certificate.policy = wanted
    certificate.policy_created = certificate.policy_created or now
    certificate.policy_updated = now


def require_live(call: VaultCall) -> Certificate:
    """The certificate of the call's name. Raises 404 when there is none, or only a deleted one."""
    lifecycle.check_name(call.name, KIND)
    certificate = call.contents.certificates.get(call.name.lower())
    if certificate is None or not lifecycle.is_live(call, certificate):
        raise errors.not_found(KIND, call.name)
    return certificate


def _require(call: VaultCall) -> tuple[Certificate, CertificateVersion]:
    certificate = require_live(call)
    found = certificate.find(call.params.get("version"))
    if found is None:
        raise errors.not_found(KIND, "/".join(filter(None, (call.name, call.params.get("version")))))
    return certificate, found


def _require_deleted(call: VaultCall) -> Certificate:
    certificate = call.contents.certificates.get(call.name.lower())
    if certificate is None or not lifecycle.is_visible_as_deleted(call, certificate):
        raise errors.deleted_not_found(KIND, call.name)
    return certificate


def _secret(call: VaultCall, certificate: Certificate) -> Secret:
    return call.contents.secrets[certificate.name.lower()]


def bundle(call: VaultCall, certificate: Certificate, version: CertificateVersion, *, whole: bool) -> Json:
    """A certificate version on the wire; with `whole` also its policy and last operation."""
    path = f"{certificate.name}/{version.version}"
    shown: Json = {
        "id": call.url(f"certificates/{path}"),
        "kid": call.url(f"keys/{path}"),
        "sid": call.url(f"secrets/{path}"),
        "x5t": issuance.thumbprint(version.certificate),
        "cer": issuance.der(version.certificate),
        "attributes": _attributes(version) | attributes.recovery(call.vault, call.api_version),
    }
    if version.tags is not None:
        shown["tags"] = version.tags
    if whole:
        shown["policy"] = _policy(call, certificate)
        if certificate.pending is not None:
            shown["pending"] = {"id": call.url(f"certificates/{certificate.name}/pending")}
    return shown


def deleted_bundle(call: VaultCall, certificate: Certificate) -> Json:
    return lifecycle.write_deletion(call, certificate, "deletedcertificates") | bundle(
        call, certificate, certificate.current, whole=True
    )


def _item(call: VaultCall, certificate: Certificate, version: CertificateVersion, *, versioned: bool) -> Json:
    shown: Json = {
        "id": call.url(f"certificates/{certificate.name}" + (f"/{version.version}" if versioned else "")),
        "x5t": issuance.thumbprint(version.certificate),
        "attributes": _attributes(version),
        "subject": "",
    }
    if version.tags is not None:
        shown["tags"] = version.tags
    return shown


def _latest_item(call: VaultCall, certificate: Certificate) -> Json:
    """The entry of a list; one that has never been issued has the attributes of the secret reserved for it."""
    if certificate.versions:
        return _item(call, certificate, certificate.current, versioned=False)
    reserved = _secret(call, certificate).current
    return {
        "id": call.url(f"certificates/{certificate.name}"),
        "attributes": attributes.write_attributes(
            enabled=reserved.enabled,
            not_before=reserved.not_before,
            expires=reserved.expires,
            created=reserved.created,
            updated=reserved.updated,
        ),
        "subject": "",
    }


def _deleted_item(call: VaultCall, certificate: Certificate) -> Json:
    """The entry of a list of deleted ones: with the recovery level, without subject (recorded)."""
    item = _item(call, certificate, certificate.current, versioned=False)
    item["attributes"] |= attributes.recovery(call.vault, call.api_version)
    del item["subject"]
    return item


def _attributes(version: CertificateVersion) -> Json:
    return attributes.write_attributes(
        enabled=version.enabled,
        not_before=version.certificate.not_valid_before_utc,
        expires=version.certificate.not_valid_after_utc,
        created=version.created,
        updated=version.updated,
    )


def _policy(call: VaultCall, certificate: Certificate) -> Json:
    created, updated = certificate.policy_created or call.now, certificate.policy_updated or call.now
    id_ = call.url(f"certificates/{certificate.name}/policy")
    return policy.write(certificate.policy, id=id_, created=created, updated=updated)


def _pending(call: VaultCall, certificate: Certificate, pending: Pending) -> Json:
    shown: Json = {
        "id": call.url(f"certificates/{certificate.name}/pending"),
        "issuer": {"name": certificate.policy["issuer"]["name"]},
        "csr": base64.b64encode(pending.csr).decode(),
        "cancellation_requested": pending.cancellation_requested,
    }
    if pending.failure is not None and pending.fate is not None:
        shown |= {"status": _WORDS[pending.fate.status], "error": pending.failure.error()}
    elif pending.completed and pending.cancellation_requested:
        shown["status"] = _WORDS["Canceled"]
    elif pending.completed:
        shown |= {"status": "completed", "target": call.url(f"certificates/{certificate.name}")}
    else:
        shown |= {
            "status": "inProgress",
            "status_details": _BY_HAND if pending.due == NEVER and pending.fate is None else _BY_ISSUER,
        }
    return shown | {"request_id": pending.request_id}


def _permission(action: str, policy_word: str) -> Permission:
    return Permission(kind="certificates", action=action, policy=policy_word)


_READ, _LIST = _permission("read", "get"), _permission("read", "list")
_CREATE, _IMPORT = _permission("create/action", "create"), _permission("import/action", "import")
_UPDATE = _permission("update/action", "update")
_DELETE, _PURGE = _permission("delete", "delete"), _permission("purge/action", "purge")
_RECOVER = _permission("recover/action", "recover")

ROUTES = (
    VaultRoute(method="GET", template="certificates", handler=list_certificates, permission=_LIST),
    VaultRoute(method="GET", template="certificates/{name}", handler=get_certificate, permission=_READ),
    VaultRoute(method="PATCH", template="certificates/{name}", handler=update_certificate, permission=_UPDATE),
    VaultRoute(method="DELETE", template="certificates/{name}", handler=delete_certificate, permission=_DELETE),
    VaultRoute(method="POST", template="certificates/{name}/create", handler=create, permission=_CREATE),
    VaultRoute(method="POST", template="certificates/{name}/import", handler=import_certificate, permission=_IMPORT),
    VaultRoute(method="GET", template="certificates/{name}/pending", handler=get_pending, permission=_READ),
    VaultRoute(method="PATCH", template="certificates/{name}/pending", handler=cancel_pending, permission=_UPDATE),
    VaultRoute(method="DELETE", template="certificates/{name}/pending", handler=delete_pending, permission=_UPDATE),
    VaultRoute(method="POST", template="certificates/{name}/pending/merge", handler=merge_pending, permission=_CREATE),
    VaultRoute(method="GET", template="certificates/{name}/policy", handler=get_policy, permission=_READ),
    VaultRoute(method="PATCH", template="certificates/{name}/policy", handler=update_policy, permission=_UPDATE),
    VaultRoute(method="GET", template="certificates/{name}/versions", handler=list_versions, permission=_LIST),
    VaultRoute(method="GET", template="certificates/{name}/{version}", handler=get_certificate, permission=_READ),
    VaultRoute(
        method="PATCH", template="certificates/{name}/{version}", handler=update_certificate, permission=_UPDATE
    ),
    VaultRoute(method="GET", template="deletedcertificates", handler=list_deleted, permission=_LIST),
    VaultRoute(method="GET", template="deletedcertificates/{name}", handler=get_deleted, permission=_READ),
    VaultRoute(
        method="POST", template="deletedcertificates/{name}/recover", handler=recover_deleted, permission=_RECOVER
    ),
    VaultRoute(method="DELETE", template="deletedcertificates/{name}", handler=purge_deleted, permission=_PURGE),
)
