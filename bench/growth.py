"""The statements of the hot paths with 10^4 to 10^7 media rows beside them: they must not notice."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import psycopg
from uuid_utils.compat import uuid7

from bench.servers import create_database
from sql import QUERIES
from sql.migrate import migrate

LARGE_OWNER, LARGE_OWNER_MEDIA = "large-owner", 1000
MEDIA_PER_OWNER = 100
DUE = 1000
REPEATS = 300
SWEEPS = 30
QUOTA_BYTES = 10 * 1024**4
SIZE_BYTES = 1000
CHUNK = 1000

Connection = psycopg.Connection[tuple[object, ...]]
Parameters = dict[str, object]
Medians = dict[str, float]
Round = dict[int, Medians]


def measure(url: str, sizes: Sequence[int], rounds: int, say: Callable[[str], None]) -> list[Round]:
    """The median milliseconds of each path at each number of rows, round after round.

    Each number has a database of its own, so that all are timed in turn, in every other round backwards.
    """
    loaded = load_databases(url, sizes, say)
    found = []
    with ExitStack() as stack:
        connections = {
            size: stack.enter_context(psycopg.connect(database, autocommit=True, prepare_threshold=1))
            for size, database in loaded.items()
        }
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "warming up")
            order = sizes[:: -1 if number % 2 else 1]
            found.append({size: time_paths(connections[size], owners=size // MEDIA_PER_OWNER) for size in order})
    return found[1:]


def load_databases(url: str, sizes: Sequence[int], say: Callable[[str], None]) -> dict[int, str]:
    """The URLs of databases of so many rows, each made from the one before."""
    loaded: dict[int, str] = {}
    for size in sizes:
        say(f"loading {size:,} rows")
        held = max(loaded, default=0)
        database = create_database(url, f"rows_{size}", template=f"rows_{held}" if held else None)
        migrate(database)
        with psycopg.connect(database, autocommit=True) as connection:
            load_media(connection, held, size)
        loaded[size] = database
    return loaded


def load_media(connection: Connection, held: int, size: int) -> None:
    """Fill the tables up to `size` ready media, `held` of which are there; the last thousand rows belong together.

    Triggers are off meanwhile, so usage and events are made from the rows.
    """
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        with connection.cursor().copy(
            "copy media (id, owner_id, user_id, state, type, filename, mime_type, size_bytes, staging_key,"
            " url_expires_at, url_ends_at, original_key, width, height, created_at, updated_at, sweep_at) from stdin"
        ) as copy:
            for lines in _chunks(held, size):
                copy.write(lines)
        connection.execute("truncate storage_usage, events")
        connection.execute(
            "insert into storage_usage (owner_id, quota_bytes, image_bytes, media_count)"
            " select owner_id, %s, sum(media_used_bytes(media)), count(*) from media group by owner_id",
            [QUOTA_BYTES],
        )
        connection.execute(
            "insert into events (type, media_id, owner_id, at, data)"
            " select 'upload.started', id, owner_id, created_at, '{\"status\": \"pending\"}' from media"
        )
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


def _chunks(held: int, size: int) -> Iterator[str]:
    """Lines for COPY; the first load brings the large owner, and rows that are due for a sweep."""
    now = datetime.now(UTC)
    ends, due = now + timedelta(seconds=60), now - timedelta(seconds=60)
    for start in range(held, size, CHUNK):
        lines = []
        for number in range(start, min(start + CHUNK, size)):
            owner = LARGE_OWNER if number < LARGE_OWNER_MEDIA else f"owner-{number * 7919 % (size // MEDIA_PER_OWNER)}"
            sweep_at = due.isoformat() if size - number <= DUE and held == 0 else r"\N"
            lines.append(
                f"{uuid7()}\t{owner}\t{owner}\tready\timage\tphoto.jpg\timage/jpeg\t{SIZE_BYTES}\tstaging/{number}\t"
                f"{ends.isoformat()}\t{ends.isoformat()}\toriginal/{number}\t640\t480\t{now.isoformat()}\t"
                f"{now.isoformat()}\t{sweep_at}\n"
            )
        yield "".join(lines)


def time_paths(connection: Connection, *, owners: int) -> Medians:
    """The median milliseconds of each path, all through one connection."""
    random = Random(1)  # noqa: S311 - which rows are looked at is no secret
    owned = [f"owner-{random.randrange(owners)}" for _ in range(REPEATS)]
    sample = connection.execute(
        "select id, owner_id from media where owner_id = any(%s) order by random() limit %s", [owned, REPEATS]
    ).fetchall()
    large = connection.execute("select id from media where owner_id = %s order by id desc", [LARGE_OWNER]).fetchall()
    middle = large[len(large) // 2][0]
    moment = datetime.now(UTC)
    paths: dict[str, list[Callable[[], None]]] = {
        "initiate": [_once(connection, "reserve_upload", calls=_initiate(owner, moment)) for owner in owned],
        "usage": [_once(connection, "read_usage", calls=_usage(owner)) for owner in owned],
        "listMedia, first page": [_page(connection, owner, None) for owner in owned],
        "listMedia, 500 media in": [_page(connection, LARGE_OWNER, middle)] * REPEATS,
        "sweep": [_sweep(connection, moment)] * SWEEPS,
        "purge": [_purge(connection, id_, owner, moment) for id_, owner in sample],
    }
    return {name: _median(connection, runs) for name, runs in paths.items()}


def _median(connection: Connection, runs: Sequence[Callable[[], None]]) -> float:
    """The median milliseconds; everything is taken back, so that the next size starts from what was loaded."""
    took = []
    for number, run in enumerate([*runs[:10], *runs]):
        with connection.transaction(force_rollback=True):
            began = time.perf_counter()
            run()
            if number >= len(runs[:10]):
                took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _once(connection: Connection, name: str, **parameters: object) -> Callable[[], None]:
    def run() -> None:
        cursor = connection.execute(QUERIES[name].text, parameters)
        if cursor.description is not None:
            cursor.fetchall()

    return run


def _usage(owner: str) -> str:
    return msgspec.json.encode([{"position": 0, "owner_id": owner, "quota_bytes": QUOTA_BYTES}]).decode()


def _initiate(owner: str, now: datetime) -> str:
    media_id = uuid7()
    call = {
        "position": 0, "procedure": "media.initiateUpload", "request_id": "req_bench", "id": media_id,
        "owner_id": owner, "user_id": owner, "transfer": "put", "quota_bytes": QUOTA_BYTES, "type": "image",
        "purpose": "post", "filename": "photo.jpg", "mime_type": "image/jpeg", "size_bytes": SIZE_BYTES,
        "staging_key": f"staging/{media_id}", "url_expires_at": now + timedelta(seconds=900),
        "url_ends_at": now + timedelta(seconds=960), "sweep_at": now + timedelta(seconds=960),
        "key_from": now - timedelta(days=1), "now": now,
        "limit_calls": 10**9, "limit_seconds": 60,
    }  # fmt: skip
    return msgspec.json.encode([call]).decode()


def _page(connection: Connection, owner: str, before: object) -> Callable[[], None]:
    return _once(
        connection, "list_media", owner_id=owner, before=before, type=None, purpose="post", state=None, limit=21
    )


def _sweep(connection: Connection, now: datetime) -> Callable[[], None]:
    return _once(connection, "lease_due_media", now=now, leased_until=now + timedelta(minutes=10), limit=500)


def _purge(connection: Connection, media_id: object, owner: object, now: datetime) -> Callable[[], None]:
    later = now + timedelta(hours=1)
    steps = [
        _once(connection, "delete_media", ids=[media_id], owners=[owner], now=now),
        _once(connection, "read_media", id=media_id),
        _once(connection, "remove_tombstone", id=media_id, now=later),
        _once(connection, "find_deletion", id=media_id, owners=[owner]),
    ]

    def run() -> None:
        for step in steps:
            step()

    return run


def table(rounds: Sequence[Round], sizes: Sequence[int]) -> str:
    """Medians over the rounds, and the ratio of the largest to the smallest within a round, in Markdown."""
    head = "| Path | " + " | ".join(f"{size:,} rows" for size in sizes) + " | Largest / smallest | Asked for |\n"
    head += "|---|" + "---:|" * (len(sizes) + 1) + "---|\n"
    lines = []
    for path in rounds[0][sizes[0]]:
        times = " | ".join(f"{statistics.median(found[size][path] for found in rounds):.3f} ms" for size in sizes)
        ratios = [found[sizes[-1]][path] / found[sizes[0]][path] for found in rounds]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"| {path} | {times} | {spread} | ≤ 1.3 |")
    return head + "\n".join(lines)
