"""From runs to a table: ratios by round, with their spread, in Markdown and in JSON."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.load import Run

Rounds = Sequence[Mapping[str, Run]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure of each round, and what is asked of the median."""

    what: str
    values: list[float]
    asked: str
    unit: str = ""

    def line(self) -> str:
        """The row in Markdown."""
        shown = (statistics.median(self.values), min(self.values), max(self.values))
        figures = " | ".join(f"{value:.2f}{self.unit}" for value in shown)
        return f"| {self.what} | {figures} | {self.asked} |"


RATIOS = (
    ("`getStorageUsage`: mediarpc / peer", "usage, mediarpc", "usage, peer", "≥ 1.5 (aim 2)"),
    ("`initiateUpload`: mediarpc / peer", "initiate, mediarpc", "initiate, peer", "≥ 4 (aim 5)"),
    ("`initiateUpload`: mediarpc / floor", "initiate, mediarpc", "initiate, floor", "≥ 0.28 (aim 0.33)"),
    ("`getStorageUsage`: mediarpc / floor", "usage, mediarpc", "usage, floor", ""),
    ("`getStorageUsage`: batches of 50 / singles", "usage, in batches of 50", "usage, mediarpc", "≥ 4"),
    ("`initiateUpload`: batches of 50 / singles", "initiate, in batches of 50", "initiate, mediarpc", ""),
    ("`getStorageUsage`: cost of a call by tRPC / by JSON-RPC", "usage, mediarpc", "usage, by tRPC", "≤ 1.1"),
    ("`initiateUpload`: cost of a call by tRPC / by JSON-RPC", "initiate, mediarpc", "initiate, by tRPC", "≤ 1.1"),
    (
        "`initiateUpload`, 64 callers: one user / 64 users",
        "initiate, 64 callers, one user",
        "initiate, 64 callers, 64 users",
        "≥ 0.5",
    ),
    ("`getStorageUsage`: 2 workers / 1", "usage, 2 workers", "usage, mediarpc", ""),
    ("`initiateUpload`: 2 workers / 1", "initiate, 2 workers", "initiate, mediarpc", ""),
)
TAILS = (
    ("`getStorageUsage`, mediarpc: p99 / p50", "usage, mediarpc", "≤ 5"),
    ("`initiateUpload`, mediarpc: p99 / p50", "initiate, mediarpc", "≤ 5"),
    ("`getStorageUsage`, peer: p99 / p50", "usage, peer", ""),
    ("`initiateUpload`, peer: p99 / p50", "initiate, peer", ""),
)
ALONE = (
    ("`getStorageUsage`, one caller: p50", "usage, one caller", "< 10 ms"),
    ("`initiateUpload`, one caller: p50", "initiate, one caller", "< 100 ms"),
)


def rows(rounds: Rounds, memory: Mapping[str, float], streams: Mapping[str, float]) -> list[Row]:
    """Every figure that these rounds hold."""

    def over(runs: Callable[[Mapping[str, Run]], float]) -> list[float]:
        return [runs(one) for one in rounds]

    found = [
        Row(what, over(lambda one, a=above, b=below: one[a].rate / one[b].rate), asked)  # type: ignore[misc]
        for what, above, below, asked in RATIOS
        if above in rounds[0] and below in rounds[0]
    ]
    found += [
        Row(what, over(lambda one, n=name: one[n].p99_ms / one[n].p50_ms), asked)  # type: ignore[misc]
        for what, name, asked in TAILS
        if name in rounds[0]
    ]
    found += [
        Row(what, over(lambda one, n=name: one[n].p50_ms), asked, " ms")  # type: ignore[misc]
        for what, name, asked in ALONE
    ]
    grown = memory["after_mib"] / memory["before_mib"]
    return [
        *found,
        Row("A streamed batch of 21: its first result / its last, in time", [streams["first_of_batch"]], "< 1"),
        Row("Memory of a subscriber who waits, of 1,000", [streams["kib_of_a_watcher"]], "", " KiB"),
        Row(f"Memory of the process after {memory['calls']:,.0f} more calls / before", [grown], "flat"),
    ]


def uploads(rounds: Sequence[Mapping[str, float]]) -> list[Row]:
    """What large files cost."""

    def ratio(above: str, below: str) -> list[float]:
        return [one[above] / one[below] for one in rounds]

    def grown(name: str) -> list[float]:
        return [one[name] for one in rounds]

    return [
        Row("A large file in parts: mediarpc / boto3's `upload_file`, in time", ratio("parts", "boto3"), "≤ 1.3"),
        Row("A large file through the server / boto3's `upload_file`, in time", ratio("through", "boto3"), ""),
        Row("50 small files at once / one alone, in time for each", [one["many"] for one in rounds], ""),
        Row("Growth of the server: a large file in parts", grown("parts_mib"), "flat", " MiB"),
        Row("Growth of the server: a large file through it", grown("through_mib"), "≤ 30.5", " MiB"),
        Row("Growth of the server: 50 small files at once, in parts", grown("many_mib"), "flat", " MiB"),
    ]


def table(found: Sequence[Row]) -> str:
    """The ratios in Markdown."""
    head = "| What | Median | Least | Most | Asked for |\n|---|---:|---:|---:|---|\n"
    return head + "\n".join(row.line() for row in found)


def rates(rounds: Rounds) -> str:
    """What each side did, in Markdown: medians over the rounds."""
    head = "| Run | Calls per second | p50 of a request | p99 of a request |\n|---|---:|---:|---:|\n"
    return head + "\n".join(_rate(name, [one[name] for one in rounds]) for name in sorted(rounds[0]))


def _rate(name: str, runs: Sequence[Run]) -> str:
    p50, p99 = (statistics.median(getattr(run, field) for run in runs) for field in ("p50_ms", "p99_ms"))
    return f"| {name} | {statistics.median(run.rate for run in runs):,.0f} | {p50:.2f} ms | {p99:.2f} ms |"


def machine() -> str:
    """Where this ran."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def write(file: Path, rounds: Rounds, found: Sequence[Row], memory: Mapping[str, float]) -> None:
    """Everything that was measured, as JSON."""
    document = {
        "machine": machine(),
        "rounds": [{name: run.facts() for name, run in one.items()} for one in rounds],
        "rows": [{**asdict(row), "median": statistics.median(row.values)} for row in found],
        "memory": dict(memory),
    }
    save(file, document)


def save(file: Path, document: Mapping[str, object]) -> None:
    """Write one JSON document."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
