"""The programs of `examples/`, run as they stand against a server; those that the documents show are the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.node import NO_NODE, find_node
from tests.processes import Site

TREE = Path(__file__).parent.parent
EXAMPLES = TREE / "examples"
GIB = 1024**3


def output_of(*command: str | Path, secret: str) -> str:
    variables = {"PATH": os.environ["PATH"], "AUTH_JWT_SECRET": secret}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def node() -> str:
    found = find_node()
    if found is None:
        pytest.skip(NO_NODE)
    return found.node[0]


@pytest.mark.parametrize("program", ["sign_token.py", "sign_token.mjs"])
def test_a_token_that_an_app_signs_is_accepted(deployment, program):
    """It names its user and its plan, by the secret that both have."""
    interpreter = sys.executable if program.endswith(".py") else node()
    token = output_of(interpreter, EXAMPLES / program, secret=deployment.settings.auth_jwt_secret)
    usage = Site(deployment.served.origin, token).rpc("media.getStorageUsage")
    assert usage["limit"] == 5 * GIB


@pytest.mark.parametrize(("language", "program"), [("js", "sign_token.mjs"), ("python", "sign_token.py")])
def test_the_documents_show_the_examples(language, program):
    page = (TREE / "docs" / "authentication.md").read_text(encoding="utf-8")
    assert f"```{language}\n{(EXAMPLES / program).read_text(encoding='utf-8')}```\n" in page


def test_every_example_is_run():
    assert {file.name for file in EXAMPLES.iterdir() if file.is_file()} == {"sign_token.mjs", "sign_token.py"}
