"""The browser of this machine, started once for all tests of a process; each opens pages in a profile of its own."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.node import PACKAGE, node_with_packages
from tests.web_app import SOURCES

NO_CHROMIUM = "Chromium is not on this machine; on Debian: apt-get install chromium"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address at which a running Chromium is reached; without one the test is skipped."""
    program, node = shutil.which("chromium"), node_with_packages()
    if program is None:
        pytest.skip(NO_CHROMIUM)
    folder = tmp_path_factory.mktemp("browser")
    shutil.copy2(SOURCES / "launch.mjs", folder)
    (folder / "node_modules").symlink_to(PACKAGE / "node_modules")
    command = [*node.node, "launch.mjs", program]
    with subprocess.Popen(
        command, cwd=folder, env=node.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address, "Chromium did not start"
        yield address
        process.stdin.close()
        process.wait(30)
