"""Builds the collection as users install it, and looks whether it holds what they need and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
OUTPUT = CLONE / ".cache" / "build"
NEEDED = ("COPYING", "README.md", "CHANGELOG.rst", "MANIFEST.json", "meta/runtime.yml", "requirements.txt")
FOLDERS = {"changelogs", "docs", "meta", "playbooks", "plugins", "roles"}


def main() -> int:
    """Build the archive, print what is wrong with its content, and return 1 if anything is."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for old in OUTPUT.glob("*.tar.gz"):
        old.unlink()
    subprocess.run(["ansible-galaxy", "collection", "build", "--output-path", OUTPUT, CLONE], check=True)
    [archive] = OUTPUT.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        names = set(content.getnames())
    problems = [f"missing: {name}" for name in NEEDED if name not in names]
    problems += [f"not for users: {name}" for name in sorted(names) if not belongs(name)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def belongs(name: str) -> bool:
    """Return whether a path of the archive is one that users of the collection need."""
    top, _slash, rest = name.partition("/")
    if "__pycache__" in name:
        return False
    return top in FOLDERS if rest else top in FOLDERS or top in NEEDED or top == "FILES.json"


if __name__ == "__main__":
    sys.exit(main())
