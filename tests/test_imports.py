"""Packages import downwards: what is known to a lower one knows nothing of what is built on it."""

import ast
from collections.abc import Iterator
from pathlib import Path

TREE = Path(__file__).parent.parent

# Each package, and those that it may import.
ALLOWED = {
    "contracts": set(),
    "sql": {"contracts"},
    "storage": {"contracts"},
    "processing": {"contracts"},
    "media": {"contracts", "sql", "storage", "processing"},
    "jobs": {"contracts", "sql", "storage", "processing", "media"},
    "rpc": {"contracts", "sql", "storage", "processing", "media"},
    "procedures": {"contracts", "sql", "storage", "processing", "media", "rpc"},
    "server": {"contracts", "sql", "storage", "processing", "media", "jobs", "rpc", "procedures"},
}


def imports_of(package: str) -> Iterator[tuple[str, str]]:
    """Each file of a package, and each of our packages that it imports."""
    for file in sorted((TREE / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for module in modules:
                yield str(file.relative_to(TREE)), module.partition(".")[0]


def test_no_package_imports_what_is_built_on_it(subtests):
    for package, allowed in ALLOWED.items():
        with subtests.test(package=package):
            upwards = {(file, other) for file, other in imports_of(package) if other in ALLOWED.keys() - {package}}
            assert {(file, other) for file, other in upwards if other not in allowed} == set()
