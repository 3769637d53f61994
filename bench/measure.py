"""What is measured in one round, and how memory grows over many calls."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import psycopg

from bench.floor import floor
from bench.load import Run, Work, load
from bench.servers import BenchError, Server
from bench.streams import first_of_batch, idle_watchers

CONNECTIONS = 16
CROWD = 64
BATCH_CALLS = 50
SIZE_BYTES = 1000
PHOTO = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": SIZE_BYTES}


def _call(method: str, params: dict[str, object], id_: int = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def _batch(method: str, params: dict[str, object]) -> Work:
    calls = [_call(method, params, id_) for id_ in range(BATCH_CALLS)]
    return Work("/rpc", json.dumps(calls), calls=BATCH_CALLS)


OURS = {
    "usage": Work("/rpc", json.dumps(_call("media.getStorageUsage", {}))),
    "initiate": Work("/rpc", json.dumps(_call("media.initiateUpload", {**PHOTO}))),
    "usage by tRPC": Work("/rpc/media.getStorageUsage"),
    "initiate by tRPC": Work("/rpc/media.initiateUpload", json.dumps(PHOTO)),
    "usage in batches": _batch("media.getStorageUsage", {}),
    "initiate in batches": _batch("media.initiateUpload", {**PHOTO}),
}
PEERS = {
    "usage": Work("/trpc/media.getStorageUsage"),
    "initiate": Work("/trpc/media.initiateUpload", json.dumps(PHOTO)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs while we measure; what this machine does not have is None."""

    ours: Server
    two_workers: Server | None
    peer: Server | None
    ours_url: str
    peer_url: str | None
    tokens: list[str]


Measure = Callable[[float], Run]


def measures(stage: Stage) -> dict[str, Measure]:
    """Each run of a round by its name, side beside side."""
    many, one = stage.tokens, stage.tokens[:1]

    def ours(name: str, *, tokens: list[str] = many, connections: int = CONNECTIONS) -> Measure:
        return _checked(stage.ours, OURS[name], tokens, connections, stage.ours_url)

    def under(name: str) -> Measure:
        return lambda seconds: floor(stage.ours_url, name, users=len(many), connections=CONNECTIONS, seconds=seconds)

    chosen: dict[str, Measure] = {}
    for name in ("usage", "initiate"):
        chosen[f"{name}, mediarpc"] = ours(name)
        if stage.peer is not None and stage.peer_url is not None:
            chosen[f"{name}, peer"] = _checked(stage.peer, PEERS[name], many, CONNECTIONS, stage.peer_url)
        chosen[f"{name}, floor"] = under(name)
        if stage.two_workers is not None:
            chosen[f"{name}, 2 workers"] = _checked(stage.two_workers, OURS[name], many, CONNECTIONS, stage.ours_url)
        chosen[f"{name}, by tRPC"] = ours(f"{name} by tRPC")
        chosen[f"{name}, in batches of 50"] = ours(f"{name} in batches")
        chosen[f"{name}, one caller"] = ours(name, tokens=one, connections=1)
    chosen["initiate, 64 callers, 64 users"] = ours("initiate", connections=CROWD)
    chosen["initiate, 64 callers, one user"] = ours("initiate", tokens=one, connections=CROWD)
    return chosen


def _checked(server: Server, work: Work, tokens: list[str], connections: int, url: str) -> Measure:
    """A run whose answers are looked at: one before it, and in the database what all of them left."""

    def run(seconds: float) -> Run:
        _probe(server, work, tokens[0])
        before = _reserved_uploads(url)
        result = load(server, work, tokens, connections=connections, seconds=seconds)
        reserved = _reserved_uploads(url) - before
        if "initiate" in work.body + work.path and reserved < result.calls:
            raise BenchError(f"{server.name}: {result.calls} initiates were answered, {reserved} reserved")
        return result

    return run


def _probe(server: Server, work: Work, token: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{work.path}",
        data=work.body.encode() or None,
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        document = json.loads(answer.read())
    answers = document if isinstance(document, list) else [document]
    if len(answers) != work.calls or any("result" not in member for member in answers):
        raise BenchError(f"{server.name} answered {str(document)[:500]}")


def _reserved_uploads(url: str) -> int:
    with psycopg.connect(url) as connection:
        (reserved,) = connection.execute("select coalesce(sum(reserved_bytes), 0) from storage_usage").fetchone() or (
            0,
        )
    return int(reserved) // SIZE_BYTES


def streams(stage: Stage) -> dict[str, float]:
    """What streamed answers cost."""
    return {
        "first_of_batch": first_of_batch(stage.ours, stage.tokens[0]),
        "kib_of_a_watcher": idle_watchers(stage.ours, stage.tokens),
    }


def memory(stage: Stage, *, calls: int, seconds: float) -> dict[str, float]:
    """What a server process holds before and after so many calls of both kinds, in MiB."""
    process = psutil.Process(stage.ours.pid)
    before, made = process.memory_info().rss, 0
    while made < calls:
        for name in ("usage", "initiate"):
            made += load(stage.ours, OURS[name], stage.tokens, connections=CONNECTIONS, seconds=seconds).calls
    mib = 1024**2
    return {"calls": made, "before_mib": before / mib, "after_mib": process.memory_info().rss / mib}
