# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments for modules, made from their documentation: mostly right ones, with some that nobody would think of."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

from ansible_collections.azvm.access.plugins.module_utils._ansible import arguments
from ansible_collections.azvm.access.tests.integration.support.documented import options

if t.TYPE_CHECKING:
    from types import ModuleType

Json = dict[str, t.Any]

_SHARED = set(arguments.AZURE | arguments.VM)
BASES: dict[str, Json] = {
    "access_probe": {"connect_timeout": 0.2},
    "rdp_file": {"dest": "win1.rdp"},
    "rdp_nsg_rule": {"sources": ["203.0.113.7"]},
    "vm_winrm_listener": {"certificate_thumbprint": "A" * 40, "verify": "guest"},
}
VM = {"resource_group": "access-demo", "vm_name": "win1"}

# Nothing that is longer than a test may wait, but for what is refused.
_TIMEOUTS = (-(10**400), -1, 0, 1, 2, "2", 1.5, "", "soon", None, 2**31, 10**400)
# The managed identity and the command line are looked for outside of this process; no task here leaves the machine.
_SOURCES = ("auto", "credential_file", "env", "nothing")

_ODD = (
    *("", " ", "-", ".", "..", "*", "0", "None", "true", "{{ x }}", "%2F", "%00", "a b", "a/b", "../b", "a?b=c", "a#b"),
    *("a\nb", "a\r\n\r\nb", "a\tb", "a\0b", "a;b", "a'b", 'a"b', "a\\b", "a%b", "a&b", "<a>", "$(a)", "[1]", "a:b@c"),
    *("\xe9", "\u540d\u524d", "\U0001f511", "\u202eabc", "\ufeff", "\xdf", "x" * 64, "x" * 81, "x" * 300),
)
_NOBODYS = "00000000-0000-0000-0000-000000000000"
_SECRETS = ("passphrase", "password", "secret")
_LIKELY: dict[str, tuple[t.Any, ...]] = {
    "address": ("127.0.0.1", "localhost", "[::1]", "::1", "nowhere.example.com", "a..b", "1.2.3", "-a", "a" * 64),
    "application_security_groups": (
        "web",
        "/subscriptions/a/resourceGroups/b/providers/Microsoft.Network/applicationSecurityGroups/web",
    ),
    "certificate_name": ("winrm-win1", "shared", "a.b", "a_b", "x" * 127, "x" * 128),
    "certificate_store": ("My", "Root", "WebHosting", "LocalMachine\\My"),
    "certificate_thumbprint": ("A" * 40, "\u200e" + "ab " * 20, "a:" * 40, "A" * 64, "G" * 40),
    "cloud_environment": ("AzureCloud", "azurecloud", "AzureChinaCloud", "AzureUSGovernment", "AzureGermanCloud"),
    "computer_name": ("WIN1", "win1.example.com"),
    "description": ("For the office", "x" * 140, "[azvm.access other/vm]", "until 2026-01-01"),
    "dns_names": (
        "win1.example.com",
        "*.example.com",
        "*",
        "a.*.b",
        "WIN1",
        "b\xfccher.example",
        "127.0.0.1",
        "a" * 64,
    ),
    "domain_name_label": ("win1-access", "Win1", "1win", "ab", "a" * 63, "a" * 64, "win1-"),
    "expected_thumbprint": ("A" * 40, "A" * 64, "a" * 63),
    "expires_after": ("90m", "8h", "2d", "4m", "366d", "367d", "8", "h", "-1h", "1e3h", "8h8h", "999999999999d"),
    "hostname": ("win1", "win1.example.com", "*.example.com"),
    "ip_addresses": ("203.0.113.7", "2001:db8::1", "10.0.0.0/8", "win1", "::ffff:1.2.3.4", "fe80::1%eth0"),
    "ip_configuration": ("ipconfig1", "IPCONFIG1", "ipconfig9"),
    "name": ("Port_3389", "Office", "win1-ip", "a b", "a.", "_", "x" * 80),
    "network_interface": ("win1-nic", "WIN1-NIC", "win9-nic"),
    "password": ("Fuzz-Pass-12345!", "short", "x" * 123, "x" * 124, "Passw0rd" * 16),
    "password_secret": (
        "password-win1",
        "https://access-passwords.vault.azure.net/secrets/a",
        "https://access-passwords.vault.azure.net/secrets/a/0123456789abcdef0123456789abcdef",
        "https://example.com/secrets/a",
        "http://access-passwords.vault.azure.net/secrets/a",
        "https://access-passwords.vault.azure.net/keys/a",
        "https://[::1/secrets/a",
    ),
    "profile": ("default", "other"),
    "remote_addresses": ("Any", "LocalSubnet", "203.0.113.7", "203.0.113.0/24", "VirtualNetwork", "1.2.3.4/33", "::/0"),
    "resource_group": ("access-demo", "ACCESS-DEMO", "no-such-group", "(a)", "a.", "x" * 90, "x" * 91),
    "server_name": ("win1", "win1.example.com", "203.0.113.7", "a" * 64),
    "sources": (
        *("203.0.113.7", "198.51.100.0/24", "198.51.100.7/24", "2001:db8::/32", "VirtualNetwork", "Internet", "*"),
        *("any", "0.0.0.0/0", "10.0.0.1/33", "AzureCloud.WestEurope", "www.example.com", "fe80::1%eth0", "1"),
    ),
    "subscription_id": (_NOBODYS, "{00000000-0000-0000-0000-000000000000}"),
    "tenant": (_NOBODYS, "contoso.onmicrosoft.com", "common"),
    "username": ("azureuser", "helper", "HELPER", "dom\\helper", "helper@example.com", "Administrator", "x" * 20),
    "vault_name": ("access-passwords", "other-vault-7", "a--b", "1ab", "ab-", "ab", "x" * 24, "x" * 25),
    "vault_resource_group": ("access-demo", "no-such-group", "a."),
    "vm_id": (
        "/subscriptions/a/resourceGroups/access-demo/providers/Microsoft.Compute/virtualMachines/win1",
        f"/subscriptions/{_NOBODYS}/resourceGroups/access-demo/providers/Microsoft.Compute/virtualMachines/win1",
        f"/subscriptions/{_NOBODYS}/resourceGroups/access-demo/providers/Microsoft.Compute/virtualMachines/a/b/c",
        f"/subscriptions/{_NOBODYS}/resourceGroups/access-demo/providers/Microsoft.Network/networkInterfaces/a",
        "win1",
    ),
    "vm_name": ("win1", "WIN1", "no-such-vm", "x" * 64, "x" * 65),
}
_WHOLE = (-1, 0, 1, 2, 24, 30, 80, 100, 200, 365, 3389, 4096, 4097, 5986, 8192, 65535, 65536, 2**31, 2**63)
_REAL = (float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e-320, 0.05, 1.5, 1e9, 1e300)


def tasks(module: ModuleType) -> st.SearchStrategy[Json]:
    """The arguments of one task: those that lead to the VM, with some more, or with very many."""
    documented = options(module)
    fitting = {name: _value(name, option) for name, option in documented.items()}
    own = sorted(documented.keys() - _SHARED) or sorted(documented)
    some = st.tuples(
        st.sets(st.sampled_from(own), max_size=4),
        st.one_of(st.just(set()), st.just(set()), st.sets(st.sampled_from(sorted(_SHARED)), max_size=2)),
    ).flatmap(lambda names: st.fixed_dictionaries({name: fitting[name] for name in sorted(names[0] | names[1])}))
    many = st.fixed_dictionaries({}, optional=fitting)
    base = {**VM, **BASES.get(module.__name__.rpartition(".")[2], {})}
    return _mostly(some, many).map(lambda given: _one_target({**base, **given}))


def _one_target(given: Json) -> Json:
    """One way to name the VM: that two are refused is no news each time."""
    return {name: value for name, value in given.items() if name not in VM} if "vm_id" in given else given


def _value(name: str, option: Json) -> st.SearchStrategy[t.Any]:
    likely = st.sampled_from(_LIKELY.get(name) or option.get("choices") or _ODD)
    if name == "auth_source":
        return st.sampled_from(_SOURCES)
    if name == "timeout":
        return st.sampled_from(_TIMEOUTS)
    if name in _SECRETS:  # long ones: Ansible takes whatever equals a part of one out of every text
        return st.one_of(st.sampled_from(_LIKELY.get(name, ("",))), _text().map(lambda text: f"Q7~x{text}"))
    if option["type"] == "dict":
        inner = {key: _value(key, each) for key, each in option["suboptions"].items()}
        return _mostly(st.fixed_dictionaries({}, optional=inner), st.sampled_from(["", "a=b", []]))
    if option["type"] == "list":
        many = st.lists(st.sampled_from([f"203.0.113.{number}" for number in range(256)]), min_size=41, max_size=50)
        odd = st.one_of(st.lists(_text(), max_size=4), st.sampled_from(["", None, "a,b"]), many)
        return _mostly(st.lists(likely, min_size=1, max_size=2), odd)
    odd = _OF_TYPE.get(option["type"], st.one_of(_text(), st.none()))
    usual = {"bool": st.booleans(), "int": st.sampled_from(_WHOLE), "float": st.sampled_from(_REAL)}
    return _mostly(usual.get(option["type"], likely), odd)


def _mostly(usual: st.SearchStrategy[t.Any], odd: st.SearchStrategy[t.Any]) -> st.SearchStrategy[t.Any]:
    """Nine times of ten the usual: several odd values would hide each other."""
    return st.integers(0, 9).flatmap(lambda number: odd if number == 9 else usual)


def _text() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(_ODD), st.text(max_size=12))


_OF_TYPE: dict[str, st.SearchStrategy[t.Any]] = {
    "bool": st.sampled_from(["yes", "maybe", "", 2, None]),
    "float": st.one_of(st.floats(), st.sampled_from(["1", "1e3", "nan", "", "\u0663"])),
    "int": st.one_of(st.integers(), st.sampled_from([-(10**400), 10**400, "8", "8.0", "0x10", "", "\u0663", 1.5])),
    # Whatever it names is in the folder of the test.
    "path": st.sampled_from(_ODD).filter(lambda text: not any(part in text for part in ("/", "..", "$"))),
}
