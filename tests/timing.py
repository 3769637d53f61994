"""Where a run's time went: by file, and which tests took longest."""

from collections import defaultdict
from typing import Any

import pytest

FILES = 15
SLOW_SECONDS = 10.0


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the files that took longest, in seconds of work; pytest itself prints the slowest tests."""
    seconds, tests = defaultdict[str, float](float), defaultdict[str, set[str]](set)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                file = report.nodeid.partition("::")[0]
                seconds[file] += report.duration
                tests[file].add(report.nodeid)
    terminalreporter.section(f"{FILES} files that took longest, of {len(seconds)}")
    for file in sorted(seconds, key=seconds.__getitem__, reverse=True)[:FILES]:
        terminalreporter.line(f"{seconds[file]:7.1f} s {len(tests[file]):5} tests  {file}")
    terminalreporter.line(f"{sum(seconds.values()):7.1f} s {sum(map(len, tests.values())):5} tests  in all")
