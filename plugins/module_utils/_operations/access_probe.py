# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""access_probe: how far one gets from here to a VM, once or until the access is verified."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from .._domain.deadline import Deadline
from .._domain.errors import InvalidInput, TimedOut
from .._domain.outcome import Outcome
from .._domain.port import checked_port
from .._domain.probe import NotVerified, judge
from .._domain.probe_causes import Protocol, Stage
from .._domain.probe_findings import judged_name, probed_port
from .._domain.probe_observations import Expectation, Location, Observed, TcpState
from .._domain.probe_rdp import SecurityProtocol
from .._domain.probe_result import describe
from .._domain.resource_id import VmTarget
from .._domain.server_name import normalise_server_name
from .._domain.thumbprint import normalise_thumbprint
from .._probe.resolve import resolve
from .._probe.tcp import probe_port
from .._probe.tls import open_again, probe_handshake

if t.TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from .._domain.probe import Verdict
    from .._domain.probe_observations import Certificate
    from .._probe.channel import Channel
    from .._probe.credssp import SignIn
    from .._probe.resolve import Endpoint
    from .context import Context

_DEFAULT_PORTS = {Protocol.WINRM: 5986, Protocol.RDP: 3389}
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to probe: ``address`` or, when that is None, the VM ``target``.

    ``address_type`` is ``auto``, ``public``, ``private`` or ``fqdn``; ``connect_timeout`` is in seconds.
    """

    expected: Expectation
    address: str | None = None
    target: VmTarget | None = None
    address_type: str = "auto"
    network_interface: str | None = None
    connect_timeout: float = 5.0
    wait: bool = False
    required: bool = True
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, t.Any]) -> Options:
        """Raises InvalidInput for what can't be probed."""
        protocol = Protocol(parameters["protocol"])
        port = _DEFAULT_PORTS[protocol] if parameters["port"] is None else checked_port(parameters["port"])
        if not parameters["connect_timeout"] > 0:  # nor is it "not a number"
            raise InvalidInput(code="InvalidTimeout", message="connect_timeout must be greater than zero.")
        address = parameters["address"] or None
        if address:
            _checked(normalise_server_name, address, option="address")
        username, password = parameters.get("username") or None, parameters.get("password") or None
        if (username or password) and not (username and password and protocol is Protocol.RDP):
            raise InvalidInput(
                code="InvalidCredentials",
                message="username and password go together, neither is empty, and they are for protocol rdp only.",
            )
        return cls(
            expected=Expectation(
                protocol=protocol,
                port=port,
                server_name=_checked(normalise_server_name, parameters["server_name"], option="server_name"),
                thumbprint=_checked(
                    normalise_thumbprint, parameters["expected_thumbprint"], option="expected_thumbprint"
                ),
                authenticates=username is not None,
            ),
            address=address,
            target=None if address else VmTarget.from_options(parameters),
            address_type=parameters["address_type"],
            network_interface=parameters["network_interface"] or None,
            connect_timeout=parameters["connect_timeout"],
            wait=parameters["wait"],
            required=parameters["required"],
            username=username,
            password=password,
        )


def _checked(normalise: Callable[[str], str], text: str | None, *, option: str) -> str | None:
    if not text:
        return None
    try:
        return normalise(text)
    except ValueError as error:
        raise InvalidInput(code="InvalidOption", message=f"{option}: {error}.") from error


def run(options: Options, context: Context) -> Outcome:
    """Probe the VM, looking up its address in Azure where none is given."""
    return _probe(options, locate=lambda: _locate(options, context), deadline=context.deadline)


def probe_access(options: Options, *, candidates: Callable[[], Sequence[str]], deadline: Deadline) -> Outcome:
    """Probe what ``candidates`` gives: the addresses or names by which the VM may be reached, best first.

    Once, or with ``options.wait`` again and again until verified or ``deadline`` passes.
    Raises NotVerified when ``options.required`` and not verified.
    """
    return _probe(options, locate=lambda: Location(hosts=tuple(candidates())), deadline=deadline)


def _locate(options: Options, context: Context) -> Location:
    """Without an address given: three reads or more. No hosts when the VM has no address of the wanted kind."""
    if options.address or options.target is None:
        return Location(hosts=(options.address,) if options.address else ())
    # What a task imports it compiles anew each time: nothing of Azure where that is not asked.
    from .._azure import compute, network
    from .._domain.network import chosen_interface
    from .._domain.virtual_machine import PowerState
    from .vm_way import way_to

    vm = compute.read_vm(context.azure, options.target)
    if vm.power_state in (PowerState.STOPPED, PowerState.STOPPING, PowerState.DEALLOCATED, PowerState.DEALLOCATING):
        return Location(hosts=(), not_running=vm.power_state.value)
    nic = network.network_interface(
        context.azure, chosen_interface(vm.network_interfaces, options.network_interface, vm=str(options.target))
    )
    way = way_to(nic, kind=options.address_type, port=options.expected.port, context=context)
    if way is None:
        return Location(hosts=())
    return Location(hosts=(way.address,), port=way.port, nat_rule=way.nat_rule)


def _probe(options: Options, *, locate: Callable[[], Location], deadline: Deadline) -> Outcome:
    options = dataclasses.replace(options, connect_timeout=min(options.connect_timeout, deadline.seconds))
    location = locate()
    pause = _FIRST_PAUSE
    tries = 1
    observed, verdict = _Try(options, location).run()
    while options.wait and not verdict.verified and not deadline.passed and not _signed_in(observed):
        deadline.pause(pause, waiting_for="access", last_seen=verdict.message)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        if observed.tcp is None or observed.tcp.state is not TcpState.OPEN:
            # A VM that starts can come back with another address. The last try goes to where it was.
            with contextlib.suppress(TimedOut):
                location = locate()
        tries += 1
        observed, verdict = _Try(options, location).run()
    probe = describe(observed, options.expected, verdict, tries=tries, now=_now())
    if options.required and not verdict.verified:
        gave_up = options.wait and not _signed_in(observed)
        waited = f"Gave up after {deadline.seconds:.0f} seconds and {tries} tries; last seen: " if gave_up else ""
        raise NotVerified(
            code=verdict.cause.value if verdict.cause else "NotVerified",
            message=waited + verdict.message,
            hint=verdict.hint or "",
            details=probe,
        )
    return Outcome(name="probe", thing=probe, before=None, after=None)


def _signed_in(observed: Observed) -> bool:
    """Whether the credentials went to the server, as they do once only: each wrong try counts towards a lock-out."""
    return observed.authentication is not None and observed.authentication.sent


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _sign_in(options: Options) -> SignIn | None:
    if options.username is None or options.password is None:
        return None
    from .._probe.credssp import SignIn

    return SignIn(username=options.username, password=options.password)


class _Try:
    """One walk through the stages, up to the first one with a finding."""

    def __init__(self, options: Options, location: Location) -> None:
        self._expected = options.expected
        self._seconds = options.connect_timeout
        self._observed = Observed(location=location)
        self._endpoints: Sequence[Endpoint] = ()
        self._sign_in = _sign_in(options)
        self._steps: Mapping[Stage, Callable[[], Observed]] = {
            Stage.RESOLVE: self._resolve,
            Stage.TCP: self._connect,
            Stage.NEGOTIATE: self._negotiate,
            Stage.TLS: self._shake_hands,
            Stage.IDENTIFY: self._identify,
            Stage.AUTHENTICATE: self._authenticate,
        }

    def run(self) -> tuple[Observed, Verdict]:
        verdict = judge(self._observed, self._expected, now=_now())
        for stage in self._expected.stages:
            self._observed = self._steps[stage]()
            verdict = judge(self._observed, self._expected, now=_now())
            if verdict.cause:
                break
        return self._observed, verdict

    def _deadline(self) -> Deadline:
        return Deadline(self._seconds)

    @property
    def _port(self) -> int:
        return probed_port(self._observed, self._expected)

    @property
    def _server_name(self) -> str:
        return judged_name(self._observed, self._expected)

    def _resolve(self) -> Observed:
        resolution, self._endpoints = resolve(self._observed.location.hosts, self._port, deadline=self._deadline())
        return dataclasses.replace(self._observed, resolution=resolution)

    def _connect(self) -> Observed:
        connection, endpoint = probe_port(self._endpoints, time_limit=self._deadline)
        self._endpoints = (endpoint,)
        return dataclasses.replace(self._observed, tcp=connection)

    def _negotiate(self) -> Observed:
        from .._probe.x224 import probe_negotiation

        negotiation = probe_negotiation(self._endpoints[0], time_limit=self._deadline)
        return dataclasses.replace(self._observed, rdp=negotiation)

    def _shake_hands(self) -> Observed:
        if self._observed.rdp and self._observed.rdp.selected is SecurityProtocol.RDP:
            return self._observed
        deadline = self._deadline()
        handshake = probe_handshake(
            self._endpoints[0], server_name=self._server_name, deadline=deadline, before=self._before_tls(deadline)
        )
        return dataclasses.replace(self._observed, tls=handshake)

    def _before_tls(self, deadline: Deadline) -> Callable[[socket.socket], None] | None:
        negotiation = self._observed.rdp
        if negotiation is None:
            return None
        from .._probe.x224 import ask_for_tls

        return functools.partial(ask_for_tls, offer=negotiation.decisive.offered, deadline=deadline)

    def _open_again(self, certificate: Certificate, *, pinned: bool) -> Channel:
        deadline = self._deadline()
        return open_again(
            self._endpoints[0],
            certificate=certificate,
            pinned=pinned,
            server_name=self._server_name,
            deadline=deadline,
            before=self._before_tls(deadline),
        )

    def _identify(self) -> Observed:
        certificate = self._observed.certificate
        if certificate is None:
            return self._observed
        from .._probe.wsman import probe_identity

        pinned = self._expected.thumbprint is not None
        connect = functools.partial(self._open_again, certificate, pinned=pinned)
        identification = probe_identity(connect, host=self._server_name, port=self._port, trusted=pinned)
        return dataclasses.replace(self._observed, wsman=identification)

    def _authenticate(self) -> Observed:
        certificate = self._observed.certificate
        if (
            certificate is None
            or self._sign_in is None
            or not (self._observed.rdp and self._observed.rdp.authenticates)
        ):
            return self._observed
        # Its certificate was compared with the expected one; a client of Remote Desktop is not as strict as OpenSSL.
        connect = functools.partial(self._open_again, certificate, pinned=False)
        return dataclasses.replace(self._observed, authentication=self._sign_in.run(connect, host=self._server_name))
