# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SOAP as WS-Management uses it: reading a request, writing an answer or a fault."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
POWERSHELL = "http://schemas.microsoft.com/powershell"
FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
DEFAULT_OPERATION_TIMEOUT = 60.0  # seconds: MaxTimeoutms of the service
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")

# Codes and texts of WinRM (MS-WSMV section 2.2.4.43; pypsrp and pywinrm act on some of the codes).
ACCESS_DENIED = 5
TIMED_OUT = 2150858793
SHELL_NOT_FOUND = 2150858843
INTERNAL_ERROR = 2150858752
INVALID_REQUEST = 2150858770
SCHEMA_ERROR = 2150858817


class Fault(Exception):
    """The request fails; `code` is the WSManFault code, `subcode` a qualified name such as `w:TimedOut`."""

    def __init__(self, code: int, subcode: str, message: str, *, sender: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.sender = sender


@dataclass(frozen=True, kw_only=True)
class Request:
    """A WS-Management request after parsing; `operation_timeout` in seconds."""

    action: str
    message_id: str
    resource_uri: str
    selectors: dict[str, str] = field(default_factory=dict)
    operation_timeout: float = DEFAULT_OPERATION_TIMEOUT
    body: ET.Element

    @property
    def operation(self) -> str:
        """The last part of the action: Create, Command, Receive..."""
        return self.action.rpartition("/")[2]


def name(namespace: str, local: str) -> str:
    """A name in ElementTree's notation."""
    return f"{{{namespace}}}{local}"


def parse(data: bytes) -> ET.Element:
    """The envelope. Raises Fault when it is not one."""
    if b"<!DOCTYPE" in data:
        raise Fault(SCHEMA_ERROR, "w:SchemaValidationError", "A document type declaration is not allowed.")
    try:
        envelope = ET.fromstring(data)
    except ET.ParseError as error:
        raise Fault(SCHEMA_ERROR, "w:SchemaValidationError", f"The request is not valid XML: {error}.") from error
    if envelope.tag != name(SOAP, "Envelope"):
        raise Fault(SCHEMA_ERROR, "w:SchemaValidationError", "The request is not a SOAP 1.2 envelope.")
    return envelope


def is_identify(envelope: ET.Element) -> bool:
    """Whether the body asks who is there."""
    return envelope.find(f"{name(SOAP, 'Body')}/{name(IDENTITY, 'Identify')}") is not None


def read(envelope: ET.Element) -> Request:
    """The parts of a request that this server looks at. Raises Fault when one is missing."""
    header, body = envelope.find(name(SOAP, "Header")), envelope.find(name(SOAP, "Body"))
    if header is None or body is None:
        raise Fault(SCHEMA_ERROR, "w:SchemaValidationError", "The envelope has no header or no body.")

    def text(namespace: str, local: str) -> str:
        return (header.findtext(name(namespace, local)) or "").strip()

    action, resource_uri = text(ADDRESSING, "Action"), text(WSMAN, "ResourceURI")
    if not action or not resource_uri:
        raise Fault(
            INVALID_REQUEST, "a:MessageInformationHeaderRequired", "The request has no action or no resource URI."
        )
    return Request(
        action=action,
        message_id=text(ADDRESSING, "MessageID"),
        resource_uri=resource_uri,
        selectors={
            selector.get("Name", ""): (selector.text or "").strip() for selector in header.iter(name(WSMAN, "Selector"))
        },
        operation_timeout=seconds(text(WSMAN, "OperationTimeout")),
        body=body,
    )


def seconds(duration: str) -> float:
    """The length of an xs:duration of days and less; the default operation timeout for an empty or odd one."""
    match = DURATION.fullmatch(duration)
    if match is None or not any(match.groups()):
        return DEFAULT_OPERATION_TIMEOUT
    days, hours, minutes, rest = (float(group or 0) for group in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest


def answer(action: str, request: Request, body: str) -> bytes:
    """An envelope that answers `request`; `body` is XML with the prefixes s, a, x, w, rsp and pwsh."""
    return _envelope(action, request.message_id, body)


def fault(error: Fault, *, message_id: str, machine: str) -> bytes:
    """The fault envelope of WinRM, with its own detail element."""
    message = escape(str(error))
    body = (
        f"<s:Fault><s:Code><s:Value>s:{'Sender' if error.sender else 'Receiver'}</s:Value>"
        f"<s:Subcode><s:Value>{error.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{message}</s:Text></s:Reason>'
        f'<s:Detail><f:WSManFault xmlns:f="{FAULT}" Code="{error.code}" Machine="{escape(machine)}">'
        f"<f:Message>{message}</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )
    return _envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", message_id, body)


def identify(product_version: str) -> bytes:
    """The answer to Identify (DSP0226 section 11); `product_version` such as `OS: 10.0.20348 SP: 0.0 Stack: 3.0`."""
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{SOAP}"><s:Header/><s:Body>'
        f'<wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
        f"<wsmid:ProtocolVersion>{WSMAN}</wsmid:ProtocolVersion>"
        "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
        f"<wsmid:ProductVersion>{escape(product_version)}</wsmid:ProductVersion>"
        "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
    ).encode()


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:x="{TRANSFER}" xmlns:w="{WSMAN}" '
        f'xmlns:rsp="{SHELL}" xmlns:pwsh="{POWERSHELL}"><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>{ADDRESSING}/role/anonymous</a:To><a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
