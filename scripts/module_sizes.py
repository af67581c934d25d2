"""Lists what each module reaches of module_utils: Ansible packs it with the module, and each task compiles it."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
UTILS = PLUGINS / "module_utils"
_ABSOLUTE = "ansible_collections.azvm.access.plugins.module_utils."


def main() -> None:
    """Print the table."""
    print(f"{'module':22}{'files':>6}{'KB':>6}{'ms to compile':>15}")
    for module in sorted((PLUGINS / "modules").glob("*.py")):
        files = reached(module)
        size = sum(file.stat().st_size for file in files)
        print(f"{module.stem:22}{len(files):>6}{size / 1000:>6.0f}{1000 * _compile_seconds(files):>15.0f}")


def reached(module: Path) -> set[Path]:
    """The files of module_utils that a module imports, itself or by others; for types too, as Ansible packs them."""
    found: set[Path] = set()
    left = [module]
    while left:
        for file in _imported(left.pop()):
            if file not in found:
                found.add(file)
                left.append(file)
    return found


def _imported(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if not isinstance(node, ast.ImportFrom):
            continue
        name = node.module or ""
        if node.level:
            package = file.parents[node.level - 1]
        elif name.startswith(_ABSOLUTE):
            package, name = UTILS, name.removeprefix(_ABSOLUTE)
        else:
            continue
        package = package.joinpath(*name.split(".")) if name else package
        candidates = (package.with_suffix(".py"), *(package / f"{alias.name}.py" for alias in node.names))
        yield from (each for each in candidates if each.is_file())


def _compile_seconds(files: set[Path]) -> float:
    start = time.process_time()
    for file in files:
        compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    return time.process_time() - start


if __name__ == "__main__":
    main()
