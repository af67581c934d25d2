"""Runs tests in which the local Azure is used in every way it can be, and shows how it kept to the specifications.

The table goes to standard output, the whole list of what was not seen to .cache/contract/parts.txt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from azure_contract.judge import Judge
from azure_contract.record import TALLIES, read_tallies
from azure_contract.report import Report
from local_azure.contract import USUAL_FOLDER, served

CLONE = Path(__file__).resolve().parents[1]
CACHE = CLONE / ".cache" / "contract"
#: The judge's own tests, all that the local Azure can do, and what modules and roles make of it from start to end.
TESTS = (
    "unit/contract",
    "unit/local_azure",
    "integration/compute/test_vm_power.py",
    "integration/enable_rdp/test_life.py",
    "integration/enable_winrm/test_connection.py",
    "integration/rdp_nsg_rule/test_module.py",
    "integration/vm_access_reset/test_reset.py",
    "integration/vm_public_ip/test_life.py",
    "integration/winrm_cert_keyvault/test_life.py",
)


def main() -> int:
    """Return 1 if a test fails, anything violates the specifications, or they are not there."""
    if not USUAL_FOLDER.is_dir():
        print(f"Azure's specifications are not there: {os.path.relpath(USUAL_FOLDER, CLONE)}")
        return 1
    shutil.rmtree(CACHE, ignore_errors=True)
    tallies = CACHE / "tallies"
    tallies.mkdir(parents=True)
    workers = str(min(4, os.cpu_count() or 1))
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses", workers, "--dist", "worksteal"]
    command += [f"tests/{one}" for one in TESTS]
    done = subprocess.run(command, cwd=CLONE, check=False, env={**os.environ, TALLIES: str(tallies)})
    report = Report(Judge(USUAL_FOLDER), served(), read_tallies(tallies.glob("*.json")))
    parts = CACHE / "parts.txt"
    parts.write_text("".join(f"{line}\n" for line in report.parts(whole=True)), encoding="utf-8")
    for title, lines in (
        ("Operations in the specifications, and how exchanges with the local Azure kept to them", report.table()),
        ("In no specification", report.unspecified()),
        ("On the same resources, but not served", report.not_served()),
        (f"Served in part: what no test saw (all names: {parts.relative_to(CLONE)})", report.parts(whole=False)),
    ):
        print(f"\n{title}")
        for line in lines:
            print(f"  {line}")
    failed = " in tests that failed" if done.returncode else ""
    print(f"\n{report.violations} violations{failed}", flush=True)
    return 1 if done.returncode or report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
