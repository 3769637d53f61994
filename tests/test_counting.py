"""That tests which repeat others count no lines, and the others do, wherever they run."""

import sys
import threading

import pytest


def tracers() -> list[object]:
    return [tracer for tracer in (sys.gettrace(), threading.gettrace()) if tracer is not None]


@pytest.mark.no_cover
def test_a_test_that_repeats_others_counts_no_lines():
    assert tracers() == []


def test_lines_are_counted_when_they_are_asked_for(request):
    counted = request.config.getoption("cov_source")
    assert bool(tracers()) is bool(counted)
