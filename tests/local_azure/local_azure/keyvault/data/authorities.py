# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate issuers, and the contacts they write to: kept and shown, but nothing is ever ordered from them."""

from __future__ import annotations

from ...core.call import Answer
from ...core.wire import Json
from ..model import Issuer
from . import attributes, errors, paging
from .call import Permission, VaultCall, VaultRoute

_GIVEN = ("provider", "credentials", "org_details")


def get_contacts(call: VaultCall) -> Answer:
    """GET /certificates/contacts."""
    return Answer(status=200, body=_contacts(call))


def set_contacts(call: VaultCall) -> Answer:
    """PUT /certificates/contacts: replaces all of them."""
    given = call.body.get("contacts")
    if not isinstance(given, list) or not all(isinstance(one, dict) and one.get("email") for one in given):
        raise errors.bad_parameter("Property contacts has invalid value")
    call.contents.contacts = given
    return Answer(status=200, body=_contacts(call))


def delete_contacts(call: VaultCall) -> Answer:
    """DELETE /certificates/contacts: answers those that there were."""
    body = _contacts(call)
    call.contents.contacts = []
    return Answer(status=200, body=body)


def _contacts(call: VaultCall) -> Json:
    if not call.contents.contacts:
        raise errors.vault_error(404, "ContactsNotFound", "Contacts not found")
    return {"id": call.url("certificates/contacts"), "contacts": call.contents.contacts}


def list_issuers(call: VaultCall) -> Answer:
    """GET /certificates/issuers."""
    entries = [
        (key, {"id": _url(call, issuer), "provider": issuer.given["provider"]})
        for key, issuer in call.contents.issuers.items()
    ]
    url = call.page_url("certificates/issuers")
    return Answer(status=200, body=paging.page(entries, url=url, query=call.query))


def get_issuer(call: VaultCall) -> Answer:
    """GET /certificates/issuers/{name}."""
    return Answer(status=200, body=_bundle(call, _require(call)))


def set_issuer(call: VaultCall) -> Answer:
    """PUT /certificates/issuers/{name}: made, or replaced."""
    if not isinstance(call.body.get("provider"), str):
        raise errors.bad_parameter("The request body doesn't contain the parameter provider.")
    enabled = attributes.read_attributes(call.body.get("attributes")).enabled
    known = call.contents.issuers.get(call.name.lower())
    issuer = Issuer(
        name=known.name if known is not None else call.name,
        given=_given(call.body),
        enabled=enabled is not False,
        created=known.created if known is not None else call.now,
        updated=call.now,
    )
    call.contents.issuers[call.name.lower()] = issuer
    return Answer(status=200, body=_bundle(call, issuer))


def update_issuer(call: VaultCall) -> Answer:
    """PATCH /certificates/issuers/{name}: what is named; the parts of org_details one by one."""
    issuer = _require(call)
    enabled = attributes.read_attributes(call.body.get("attributes")).enabled
    change = _given(call.body)
    if "org_details" in change:
        change["org_details"] = issuer.given.get("org_details", {}) | change["org_details"]
    issuer.given |= change
    issuer.enabled = enabled if enabled is not None else issuer.enabled
    issuer.updated = call.now
    return Answer(status=200, body=_bundle(call, issuer))


def delete_issuer(call: VaultCall) -> Answer:
    """DELETE /certificates/issuers/{name}: gone for good."""
    issuer = _require(call)
    del call.contents.issuers[issuer.name.lower()]
    return Answer(status=200, body=_bundle(call, issuer))


def _given(body: Json) -> Json:
    """What a request says; a password goes no further, and a zip code that isn't given is 0 (recorded)."""
    given = {name: body[name] for name in _GIVEN if body.get(name) is not None}
    for name in ("credentials", "org_details"):
        if not isinstance(given.get(name, {}), dict):
            raise errors.bad_parameter(f"Property {name} has invalid value")
    if "credentials" in given:
        given["credentials"] = {name: value for name, value in given["credentials"].items() if name != "pwd"}
    if "org_details" in given:
        given["org_details"] = {"zip": 0, **given["org_details"]}
    return given


def _require(call: VaultCall) -> Issuer:
    issuer = call.contents.issuers.get(call.name.lower())
    if issuer is None:
        raise errors.vault_error(404, "CertificateIssuerNotFound", f"Issuer {call.name} not found")
    return issuer


def _bundle(call: VaultCall, issuer: Issuer) -> Json:
    times = {"created": attributes.epoch(issuer.created), "updated": attributes.epoch(issuer.updated)}
    return {"id": _url(call, issuer), **issuer.given, "attributes": {"enabled": issuer.enabled, **times}}


def _url(call: VaultCall, issuer: Issuer) -> str:
    return call.url(f"certificates/issuers/{issuer.name}")


def _permission(collection: str, action: str, policy: str) -> Permission:
    return Permission(kind="certificates", collection=collection, action=action, policy=policy)


_CONTACTS = "certificates/contacts"
_ISSUER = "certificates/issuers/{name}"
_WRITE_CONTACTS = _permission("certificatecontacts", "write", "managecontacts")
_LIST = _permission("certificatecas", "read", "listissuers")
_READ = _permission("certificatecas", "read", "getissuers")
_WRITE = _permission("certificatecas", "write", "setissuers")
_DELETE = _permission("certificatecas", "delete", "deleteissuers")

ROUTES = (
    VaultRoute(method="GET", template=_CONTACTS, handler=get_contacts, permission=_WRITE_CONTACTS),
    VaultRoute(method="PUT", template=_CONTACTS, handler=set_contacts, permission=_WRITE_CONTACTS),
    VaultRoute(method="DELETE", template=_CONTACTS, handler=delete_contacts, permission=_WRITE_CONTACTS),
    VaultRoute(method="GET", template="certificates/issuers", handler=list_issuers, permission=_LIST),
    VaultRoute(method="GET", template=_ISSUER, handler=get_issuer, permission=_READ),
    VaultRoute(method="PUT", template=_ISSUER, handler=set_issuer, permission=_WRITE),
    VaultRoute(method="PATCH", template=_ISSUER, handler=update_issuer, permission=_WRITE),
    VaultRoute(method="DELETE", template=_ISSUER, handler=delete_issuer, permission=_DELETE),
)
