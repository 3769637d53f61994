"""The locks are complete: whatever the tree requires is pinned, by version and by hash, so that nothing is resolved."""

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.node import NO_NODE, find_node

TREE = Path(__file__).parent.parent
PROJECT = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))
CLIENT = tomllib.loads((TREE / "clients/python/pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
LOCKS = {
    "build": PROJECT["dependency-groups"]["build"],
    "run": [*PROJECT["project"]["dependencies"], *EXTRAS["embedded"]],
    "test": [*PROJECT["project"]["dependencies"], *EXTRAS["embedded"], *EXTRAS["test"], *CLIENT],
}
PYTHONS = ("3.11.0", "3.12.0", "3.13.0", "3.14.0")
PACKAGES = ("contracts/typescript", "bench/peer")


def lock(name: str) -> str:
    """A lock's text, each pin with its hashes in one line."""
    return (TREE / "requirements" / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")


def pins(text: str) -> Iterator[Requirement]:
    """What a lock pins."""
    for line in text.splitlines():
        if line[:1].isalnum():
            yield Requirement(line.partition("--hash")[0].strip())


def unpinned(text: str, roots: list[str], python: str) -> set[str]:
    """What the roots require, themselves and by what is installed, and a lock does not pin for a Python on Linux."""
    environment: dict[str, str] = {**default_environment()}  # type: ignore[dict-item]
    environment |= {"python_version": python.rpartition(".")[0], "python_full_version": python}
    pinned = {canonicalize_name(pin.name): pin for pin in pins(text) if applies(pin, environment)}
    lacking, seen, waiting = set(), set(), [Requirement(root) for root in roots]
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen or not applies(wanted, environment):
            continue
        seen.add(str(wanted))
        pin = pinned.get(canonicalize_name(wanted.name))
        if pin is None or not wanted.specifier.contains(str(pin.specifier).removeprefix("=="), prereleases=True):
            lacking.add(str(wanted))
        waiting += required_by(wanted, environment)
    return lacking


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def required_by(wanted: Requirement, environment: dict[str, str]) -> Iterator[Requirement]:
    """What a package requires by its installed metadata, with the extras that are wanted of it."""
    try:
        listed = requires(wanted.name) or []
    except PackageNotFoundError:  # of another system, or of another Python
        return
    for requirement in map(Requirement, listed):
        if any(applies(requirement, {**environment, "extra": extra}) for extra in ("", *wanted.extras)):
            requirement.marker = None
            yield requirement


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_whatever_the_tree_requires(name):
    """For every Python that the project takes, through every extra that a package asks of another."""
    lacking = {python: unpinned(lock(name), LOCKS[name], python) for python in PYTHONS}
    assert {python: names for python, names in lacking.items() if names} == {}


def test_what_a_lock_does_not_pin_is_named():
    """A package that only another package's extra requires, and one that is pinned at a version nobody asked for."""
    without = re.sub(r"^psycopg-pool==.*$", "", lock("test"), flags=re.MULTILINE)
    older = re.sub(r"^coverage==[0-9.]+", "coverage==7.0", lock("test"), flags=re.MULTILINE)

    assert {text.partition("<")[0].partition(">")[0] for text in unpinned(without, LOCKS["test"], "3.11.0")} == {
        "psycopg-pool"
    }
    assert unpinned(older, LOCKS["test"], "3.11.0") == {"coverage[toml]>=7.10.6"}


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_version_and_its_hashes(name):
    lines = [line for line in lock(name).splitlines() if line[:1].isalnum()]
    assert lines
    assert [line for line in lines if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


def test_the_locks_agree():
    """What is installed to run stays as it is when what tests need is added."""
    run, test = (
        {(pin.name, str(pin.specifier), str(pin.marker)) for pin in pins(lock(name))} for name in ("run", "test")
    )
    assert run <= test


@pytest.mark.parametrize("folder", PACKAGES)
def test_an_npm_lock_pins_whatever_its_package_requires(folder):
    """By npm's own reading of it; every package has its hash, and none an address."""
    node = find_node()
    if node is None:
        pytest.skip(NO_NODE)
    listed = node.run("npm", "ls", "--all", "--package-lock-only", "--json", cwd=TREE / folder)
    locked: dict[str, Any] = json.loads((TREE / folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {place: package for place, package in locked.items() if place}

    assert (listed.returncode, json.loads(listed.stdout).get("problems", [])) == (0, [])
    assert len(installed) > 10
    assert [place for place, package in installed.items() if "integrity" not in package or "resolved" in package] == []
