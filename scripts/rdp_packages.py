"""Installs the Debian packages that tests/integration/rdp_servers needs, or says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ansible_collections.azvm.access.tests.integration.rdp_servers.servers import missing_packages


def main() -> int:
    """Install what is missing where that is possible. Return 0 anyway: without it, the tests are skipped."""
    missing = missing_packages()
    if not missing:
        return 0
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"These tests will be skipped. To have them run: sudo {' '.join(command)}")
        return 0
    print(f"Installing {', '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=environment, stdout=subprocess.DEVNULL)
    done = subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
    if "xrdp" in missing and Path("/run/systemd/system").is_dir():
        # The tests start their own, on loopback; the package's would let the whole network in.
        subprocess.run(["systemctl", "disable", "--now", "xrdp", "xrdp-sesman"], check=False)
    if done.returncode != 0:
        print("apt-get could not install them; the tests that need them will be skipped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
