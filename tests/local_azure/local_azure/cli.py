# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command local-azure."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from . import contract, control
from .control import ControlError, NotRunning
from .core.faults import ACTIONS
from .core.wire import Json
from .home import Home, HomeError

NOT_RUNNING = 3
_FAULT_FIELDS = (
    *("action", "method", "path", "agent", "nth", "probability", "seed", "times"),
    *("status", "code", "message", "retry_after", "seconds"),
)
_DURATION = re.compile(r"\+(?=\d)(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 it could not be done, 2 wrong usage, 3 not running."""
    options = _parser().parse_args(arguments)
    if options.dir is None:
        print("local-azure: --dir is needed (or the variable LOCAL_AZURE_DIR)", file=sys.stderr)
        return 2
    try:
        return int(options.run(Home(options.dir), options))
    except NotRunning as problem:
        print(f"local-azure: {problem}", file=sys.stderr)
        return NOT_RUNNING
    except (ControlError, HomeError) as problem:
        print(f"local-azure: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("local-azure: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _start(home: Home, options: argparse.Namespace) -> int:
    facts, new = control.start(home, _serve_arguments(options))
    state = "is running" if new else "was already running"
    print(f"The local Azure {state}: scenario {facts['scenario']}, proxy 127.0.0.1:{facts['proxy_port']}.")
    print(f"To use it: . {home.env}")
    if options.contract is not None and _specifications(options) is None:
        print(f"Not checked against Azure's specifications: they are not in {options.contract}.")
    return 0


def _stop(home: Home, options: argparse.Namespace) -> int:
    print("Stopped." if control.stop(home) else f"No local Azure is running in {home.path}.")
    return 0


def _status(home: Home, options: argparse.Namespace) -> int:
    _print_json(control.health(home))
    return 0


def _journal(home: Home, options: argparse.Namespace) -> int:
    try:
        with home.journal.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n") and json.loads(line)["n"] > options.since:
                    sys.stdout.write(line)
    except FileNotFoundError:
        raise ControlError(f"there is no journal in {home.path}") from None
    except OSError as error:
        raise ControlError(f"the journal in {home.path} can't be read: {error.strerror}") from error
    return 0


def _state(home: Home, options: argparse.Namespace) -> int:
    _print_json(control.ask(home, "state"))
    return 0


def _contract(home: Home, options: argparse.Namespace) -> int:
    if not home.contract.exists():
        print("Not checked against Azure's specifications.")
        return 0
    found = contract.violations_in(home.contract)
    for line in dict.fromkeys(map(str, found)):
        print(line)
    accepted = [one for one in found if not one.refused]
    print(f"{len(accepted)} violations of Azure's specifications.")
    return 1 if accepted else 0


def _reset(home: Home, options: argparse.Namespace) -> int:
    facts = control.ask(home, "reset", {"clear_journal": options.clear_journal})
    print(f"Back to the start of scenario {facts['scenario']}.")
    return 0


def _scenario(home: Home, options: argparse.Namespace) -> int:
    name = options.name
    if Path(name).is_file():
        name = str(Path.cwd() / name)
    facts = control.ask(home, "scenario", {"name": name, "count": options.count})
    print(f"Now at the start of scenario {facts['scenario']}.")
    return 0


def _fault(home: Home, options: argparse.Namespace) -> int:
    if options.fault == "add":
        _print_json(control.ask(home, "fault/add", {name: getattr(options, name) for name in _FAULT_FIELDS}))
    elif options.fault == "list":
        for rule in control.ask(home, "fault/list")["faults"]:
            print(json.dumps(rule))
    else:
        facts = control.ask(home, "fault/clear", {"id": options.id})
        print(f"{facts['cleared']} cleared.")
    return 0


def _clock(home: Home, options: argparse.Namespace) -> int:
    by = options.by.total_seconds() if options.by is not None else 0
    print(control.ask(home, "clock", {"seconds": by})["time"])
    return 0


def _grant(home: Home, options: argparse.Namespace) -> int:
    wish = {"principal": options.principal, "role": options.role, "scope": options.scope, "delay": options.delay}
    facts = control.ask(home, "grant", wish)
    print(f"{options.principal} is {facts['role']} at {facts['scope']} from {facts['effective']} on.")
    return 0


def _serve(home: Home, options: argparse.Namespace) -> int:
    from .addresses import NoAddresses
    from .scenarios import ScenarioError
    from .server import Options, ServerError, serve

    def say(text: str) -> None:
        if options.ready_fd is None:
            print(text, flush=True)
            return
        os.write(options.ready_fd, (text + "\n").encode())
        os.close(options.ready_fd)

    wanted = Options(
        scenario=options.scenario,
        latency_ms=options.latency_ms,
        port=options.port,
        count=options.count,
        pace=options.pace,
        contract=_specifications(options),
    )
    try:
        home.prepare()
        home.acquire()
        serve(home, wanted, lambda: say(control.READY))
    except (ServerError, ScenarioError, NoAddresses, HomeError, ControlError) as problem:
        if options.ready_fd is None:
            raise ControlError(str(problem)) from problem
        say(str(problem).replace("\n", " "))
        return 1
    return 0


def _serve_arguments(options: argparse.Namespace) -> list[str]:
    scenario = str(Path.cwd() / options.scenario) if Path(options.scenario).is_file() else options.scenario
    arguments = ["--scenario", scenario, "--latency-ms", str(options.latency_ms)]
    arguments += ["--port", str(options.port), "--count", str(options.count)]
    if options.pace is not None:
        arguments += ["--pace", str(options.pace)]
    specifications = _specifications(options)
    if specifications is not None:
        arguments += ["--contract", str(specifications)]
    return arguments


def _specifications(options: argparse.Namespace) -> Path | None:
    """The folder of Azure's specifications, if one was named and is there."""
    folder: Path | None = options.contract
    return folder.absolute() if folder is not None and folder.is_dir() else None


def _print_json(value: Json) -> None:
    print(json.dumps(value, indent=2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local-azure", description="A local Azure for rehearsals and tests; loopback only."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    usual = os.environ.get("LOCAL_AZURE_DIR")

    def command(name: str, run: object, help: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help, description=help)
        one.add_argument("--dir", type=Path, default=usual, help="directory of the instance")
        one.set_defaults(run=run)
        return one

    start = command("start", _start, "start the server and return when it is healthy")
    serve = command("serve", _serve, "run the server in the foreground")
    for one in (start, serve):
        one.add_argument("--scenario", default="windows-vm", help="name or file (default: windows-vm)")
        one.add_argument("--latency-ms", type=_at_least(float, 0), default=0.0, help="added to each request")
        one.add_argument("--port", type=_at_least(int, 0), default=0, help="the proxy's port (default: a free one)")
        one.add_argument("--count", type=_at_least(int, 1), default=1, help="how many VMs a fleet has")
        one.add_argument("--pace", type=_at_least(float, 0), help="length of operations; 1 is as long as on Azure")
        one.add_argument(
            "--contract",
            type=Path,
            metavar="FOLDER",
            default=os.environ.get("LOCAL_AZURE_CONTRACT") or None,
            help="of Azure's specifications, by which every request and answer is judged",
        )
    serve.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    command("stop", _stop, "end the server and wait for it")
    command("status", _status, "say whether the server is running (exit status 0 or 3)")
    journal = command("journal", _journal, "print one JSON line per request")
    journal.add_argument("--since", type=int, default=0, metavar="N", help="only requests after number N")
    command("contract", _contract, "print what violated Azure's specifications (exit status 0 if nothing did)")
    command("state", _state, "print all resources and guests as JSON, without secrets")
    reset = command("reset", _reset, "go back to the start of the scenario")
    reset.add_argument("--clear-journal", action="store_true", help="also forget the requests so far")
    scenario = command("scenario", _scenario, "start over with another scenario")
    scenario.add_argument("name", help="name or file")
    scenario.add_argument("--count", type=_at_least(int, 1), help="how many VMs a fleet has")
    clock = command("clock", _clock, "move time forward, or print it")
    clock.add_argument("by", type=_duration, nargs="?", help="such as +30d, +12h, +5m, +90s, +1d12h")
    grant = command("grant", _grant, "give a principal of the scenario a role")
    grant.add_argument("--principal", required=True)
    grant.add_argument("--role", required=True, help="name or id of a built-in role")
    grant.add_argument("--scope", required=True, help="subscription, 'group NAME' or an id")
    grant.add_argument("--delay", type=_at_least(float, 0), default=0.0, help="seconds until it counts")
    _add_faults(command("fault", _fault, "make chosen requests fail"))
    return parser


def _add_faults(fault: argparse.ArgumentParser) -> None:
    verbs = fault.add_subparsers(dest="fault", required=True, metavar="VERB")

    def verb(name: str, help: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=help, description=help)
        one.add_argument("--dir", type=Path, default=argparse.SUPPRESS, help="directory of the instance")
        return one

    add = verb("add", "add a rule; it is printed with its id")
    add.formatter_class = argparse.RawDescriptionHelpFormatter
    add.epilog = "actions:\n" + "\n".join(f"  {name:<18}{what}" for name, what in ACTIONS.items())
    add.add_argument("--action", required=True, choices=ACTIONS, metavar="ACTION", help="see below")
    add.add_argument("--method", help="only this method, or these: PUT,PATCH")
    add.add_argument("--path", help="only paths in which this regular expression is found")
    add.add_argument("--agent", help="only clients in whose User-Agent this regular expression is found")
    add.add_argument("--nth", type=_at_least(int, 1), help="only the nth matching request")
    add.add_argument("--probability", type=_at_least(float, 0), help="each matching request so likely, up to 1")
    add.add_argument("--seed", type=_at_least(int, 0), help="of the random numbers (default: 0)")
    add.add_argument("--times", type=_at_least(int, 1), help="at most so many requests")
    add.add_argument("--status", type=_at_least(int, 200), help="the HTTP status (default: 503)")
    add.add_argument("--code", help="the error code")
    add.add_argument("--message", help="the error message")
    add.add_argument("--retry-after", help="status: the header, in seconds (default: none)")
    add.add_argument("--seconds", type=float, help="how long, or how far off")
    verb("list", "print the rules, one JSON line each")
    clear = verb("clear", "remove all rules, or one")
    clear.add_argument("--id", type=int)


def _at_least(kind: type[int] | type[float], lowest: int) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if value < lowest:
            raise argparse.ArgumentTypeError(f"must be {lowest} or more")
        return value

    number.__name__ = "whole number" if kind is int else "number"
    return number


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"not a duration: {text!r} (write +30d, +12h, +5m, +90s or +1d12h)")
    days, hours, minutes, seconds = (int(match[name] or 0) for name in "dhms")
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
