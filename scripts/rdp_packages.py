"""Installs the Debian packages that tests/integration/rdp_servers needs, as root, or says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import missing_packages

# Seconds for what comes from the network; once all is there, nothing is cut off.
DOWNLOAD = 240
OPTIONS = ("-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=60")


def main() -> int:
    """Install what is missing where that is possible. Return 0 anyway: without it, the tests are skipped."""
    missing = missing_packages()
    if not missing:
        return 0
    install = ("install", "-y", "--no-install-recommends", *missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"Tests with real RDP servers will be skipped. To have them run: sudo apt-get {' '.join(install)}")
        return 0
    print(f"Installing Debian packages for tests with real RDP servers: {', '.join(missing)}", flush=True)
    started = time.monotonic()
    apt_get("update", limit=DOWNLOAD)
    if apt_get(*install, "--download-only", limit=DOWNLOAD) and apt_get(*install):
        print(f"Installed in {time.monotonic() - started:.0f} s")
    else:
        print("apt-get could not install them; the tests that need them will be skipped.")
    if "xrdp" in missing and Path("/run/systemd/system").is_dir():
        # The tests start their own, on loopback; the package's would let the whole network in.
        subprocess.run(["systemctl", "disable", "--now", "xrdp", "xrdp-sesman"], check=False)
    return 0


def apt_get(*arguments: str, limit: float | None = None) -> bool:
    """Run it, and return whether it came to a good end; ``limit`` is in seconds."""
    # Without a run level, scripts of packages start no service where there is no systemd.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", *OPTIONS, *arguments]
    try:
        done = subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL, timeout=limit)
    except subprocess.TimeoutExpired:
        print(f"not finished after {limit} s: {' '.join(command)}")
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
