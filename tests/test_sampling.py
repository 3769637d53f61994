"""The sample of exhaustive tests: the same for a commit, another for the next, and every point in the end."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.sampling import drawn, drawn_items, sample

POINTS = list(range(50))


@pytest.fixture
def sampled(monkeypatch):
    """What a sample draws of the points."""

    def draw(name: str, subject: str = "subject") -> list[int]:
        monkeypatch.setenv("SAMPLE", name)
        return drawn(POINTS, subject)

    return draw


def test_a_sample_is_one_in_four_in_their_order(sampled):
    points = sampled("commit")
    assert len(points) == 13
    assert points == sorted(points)


def test_the_same_sample_draws_the_same(sampled):
    """And of another subject, others."""
    assert sampled("commit") == sampled("commit")
    assert sampled("commit") != sampled("commit", "another subject")


def test_every_point_is_drawn_in_the_end(sampled):
    """A dozen commits draw nearly all of them, a few dozen all."""
    dozen = {point for number in range(12) for point in sampled(f"commit {number}")}
    assert len(dozen) >= 45
    assert {point for number in range(60) for point in sampled(f"commit {number}")} == set(POINTS)


def test_all_are_taken_where_all_are_asked_for(sampled):
    assert sampled("all") == POINTS


def test_of_few_points_one_is_taken(monkeypatch):
    monkeypatch.setenv("SAMPLE", "commit")
    assert len(drawn(["a", "b"], "subject")) == 1
    assert drawn([], "subject") == []


def test_a_run_without_a_name_goes_by_its_commit(monkeypatch):
    """Another one than what is named."""
    monkeypatch.setenv("SAMPLE", "named")
    assert sample() == "named"
    monkeypatch.delenv("SAMPLE")
    assert sample() != "named"


def items(file: str, **marker: Any) -> Any:
    """Eight parameters of a function, as far as they matter here."""
    mark = pytest.mark.exhaustive(**marker).mark if file != "plain" else None
    return [SimpleNamespace(nodeid=f"{file}.py::test[{n}]", get_closest_marker=lambda _: mark) for n in range(8)]


def test_only_points_are_left_out(monkeypatch):
    """Of each function on its own; never a test without the mark, a walk, or what was named on the command line."""
    monkeypatch.setenv("SAMPLE", "commit")
    plain, walks, first, second = items("plain"), items("walks", walk=True), items("first"), items("second")

    kept = drawn_items([*plain, *walks, *first, *second])

    assert kept[:16] == [*plain, *walks]
    assert [sum(item in group for item in kept) for group in (first, second)] == [2, 2]
    left_out = next(item for item in first if item not in kept)
    assert left_out in drawn_items(first, named=[left_out.nodeid])
