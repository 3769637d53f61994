"""The Python client as a package: what is written for it, how it is installed, and its README."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ErrorCode
from mediarpc_client.errors import ERRORS, NotFound
from procedures import PROCEDURES
from rpc.python import package_files
from rpc.python.types import UnknownShape, type_of
from tests.processes import mediarpc

TREE = Path(__file__).parent.parent
PACKAGE = TREE / "clients/python/mediarpc_client"
PHOTO = TREE / "docs/photo.jpg"


def run(*command: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A command to its end, with these variables."""
    return subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_committed_modules_are_what_the_models_say():
    """After a change of contracts or procedures, `mediarpc python` has to be run."""
    for name, text in package_files(PROCEDURES).items():
        assert (PACKAGE / name).read_text(encoding="utf-8") == text, name


def test_the_command_writes_and_checks_them(tmp_path: Path):
    """`--check` says nothing when all is well; else it names what differs."""
    assert mediarpc("python", str(tmp_path)).returncode == 0
    assert mediarpc("python", "--check", str(tmp_path)).returncode == 0
    (tmp_path / "models.py").unlink()
    checked = mediarpc("python", "--check", str(tmp_path))
    assert (checked.returncode, checked.stderr) == (
        1,
        f"mediarpc: not what the models say: {tmp_path / 'models.py'}\n",
    )


def test_an_unknown_shape_fails_loudly():
    """It names the place."""
    with pytest.raises(UnknownShape, match=r"^Strange\.member: no Python is known for"):
        type_of({"type": "array", "prefixItems": []}, "Strange.member")


SHAPES: dict[str, dict[str, Any]] = {
    "Image | Video": {"oneOf": [{"$ref": "#/$defs/Image"}, {"$ref": "#/$defs/Video"}], "discriminator": {}},
    "str | None": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
    "dict[MediaType, int]": {
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/MediaType"},
        "additionalProperties": {"type": "integer"},
    },
    "dict[str, Any]": {"type": "object", "additionalProperties": True},
    "list[datetime]": {"type": "array", "items": {"type": "string", "format": "date-time"}},
    'Literal["a", 1]': {"enum": ["a", 1]},
}


@pytest.mark.parametrize("written", SHAPES)
def test_each_shape_has_its_type(written: str):
    assert type_of(SHAPES[written], "here") == written


def test_every_error_that_a_procedure_answers_has_a_class():
    """By its number."""
    assert set(ERRORS) == {int(error.code) for procedure in PROCEDURES for error in procedure.errors}
    assert ERRORS[int(ErrorCode.NOT_FOUND)] is NotFound


def test_the_package_is_built_and_installed_alone(tmp_path: Path):
    """As a wheel with its types, importable without anything of the server."""
    folder = tmp_path / "python"
    shutil.copytree(PACKAGE.parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "install", "--quiet"]
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--target", str(tmp_path / "site")]
    assert run(*pip, *options, folder).returncode == 0
    assert (tmp_path / "site/mediarpc_client/py.typed").is_file()
    program = "import sys, mediarpc_client; print(mediarpc_client.__file__, {'rpc', 'contracts'} & set(sys.modules))"
    ran = run(sys.executable, "-P", "-c", program, PYTHONPATH=str(tmp_path / "site"))
    assert ran.stdout.strip() == f"{tmp_path}/site/mediarpc_client/__init__.py set()"


def test_the_readme_of_the_package_runs(deployment, user):
    """To the letter, but for the address, the token and the photo."""
    blocks = re.findall(r"```python\n(.*?)```", (PACKAGE.parent / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    program = "\n".join(blocks).replace("http://127.0.0.1:8000/rpc", deployment.served.url)
    program = program.replace('"photo.jpg"', repr(str(PHOTO)))
    variables = {"TOKEN": deployment.token(user), "PYTHONPATH": str(PACKAGE.parent)}
    ran = run(sys.executable, "-c", program, **variables)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "media.ready" in ran.stdout
