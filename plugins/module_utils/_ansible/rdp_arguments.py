# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of rdp_file, which are many; documented in the module."""

from __future__ import annotations

import typing as t

from .arguments import INTERFACE

if t.TYPE_CHECKING:
    from .arguments import Arguments

_ON = {"type": "bool", "default": False}
_SCREEN: Arguments = {
    "mode": {"type": "str", "choices": ["full", "window"]},
    "width": {"type": "int"},
    "height": {"type": "int"},
    "all_monitors": {"type": "bool"},
    "smart_sizing": {"type": "bool"},
    "dynamic_resolution": {"type": "bool"},
}
_REDIRECT: Arguments = {
    "clipboard": _ON,
    "printers": _ON,
    "drives": {"type": "list", "elements": "str", "default": []},
    "smart_cards": _ON,
    "com_ports": _ON,
    "webauthn": _ON,
    "devices": _ON,
    "usb_devices": _ON,
    "cameras": _ON,
    "microphone": _ON,
    "location": _ON,
    "audio": {"type": "str", "choices": ["local", "remote", "none"], "default": "none"},
}
_GATEWAY: Arguments = {
    "host": {"type": "str", "required": True},
    "usage": {"type": "str", "choices": ["always", "fallback"], "default": "always"},
    "credentials": {"type": "str", "choices": ["any", "password", "smart_card", "logged_on"], "default": "any"},
    "same_credentials": {"type": "bool", "default": False},
}
_SIGN_WITH: Arguments = {
    "file": {"type": "path"},
    "key_file": {"type": "path", "no_log": False},
    "passphrase": {"type": "str", "no_log": True},
    "chain_file": {"type": "path"},
    "vault_name": {"type": "str"},
    "certificate_name": {"type": "str"},
}

RDP_FILE: Arguments = {
    "dest": {"type": "path", "required": True},
    "create_folder": {"type": "bool", "default": False},
    "address": {"type": "str"},
    "address_type": {"type": "str", "choices": ["auto", "public", "private", "fqdn"], "default": "auto"},
    **INTERFACE,
    "port": {"type": "int"},
    "username": {"type": "str"},
    "account_type": {"type": "str", "choices": ["auto", "local", "domain", "entra"], "default": "auto"},
    "computer_name": {"type": "str"},
    "prompt_for_credentials": {"type": "bool", "default": True},
    "administrative_session": {"type": "bool", "default": False},
    "server_authentication": {"type": "str", "choices": ["warn", "require"], "default": "warn"},
    "screen": {"type": "dict", "options": _SCREEN},
    "redirect": {"type": "dict", "options": _REDIRECT},
    "gateway": {"type": "dict", "options": _GATEWAY},
    "overwrite": {"type": "bool", "default": False},
    "sign_with": {"type": "dict", "options": _SIGN_WITH},
    "publisher_folder": {"type": "path"},
    "expiry_warning_days": {"type": "int", "default": 30},
}
