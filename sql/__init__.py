"""Named queries: every `.sql` file of this folder holds `-- name: <name> :one|:many|:run|:shared` blocks, loaded once.

`read` after that says that the statement changes nothing, so that it can be repeated.

`{media}`, `{event}`, `{audit}` and `{usage}` in a statement stand for the columns of the rows in `sql/rows.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

from msgspec import Struct

from sql.rows import AuditRow, EventRow, MediaRow, UsageRow, columns

ROWS: dict[str, type[Struct]] = {"media": MediaRow, "event": EventRow, "audit": AuditRow, "usage": UsageRow}

_BLOCK = re.compile(
    r"^-- name: (?P<name>\w+) :(?P<kind>one|many|run|shared)(?P<read> read)?\n(?P<text>.*?)(?=^-- name:|\Z)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement; `kind` says whether it answers a row or none, rows, or nothing.

    A shared one answers many calls at once: it takes them as one JSON array `calls`, each with its `position`, and
    answers a row for each, the position first.
    """

    name: str
    kind: str
    text: LiteralString
    is_read: bool


def parse(source: str) -> Iterator[Query]:
    """The queries of one file, in order."""
    for block in _BLOCK.finditer(source):
        # Honest: the text comes from this package's files, never from a caller.
        text: LiteralString = _with_columns(block["text"].strip())
        yield Query(block["name"], block["kind"], text, is_read=block["read"] is not None)


def _with_columns(text: str) -> str:
    for name, row in ROWS.items():
        text = text.replace(f"{{{name}}}", columns(row))
    return text


def load() -> dict[str, Query]:
    """Every query of the package by name; a name that stands twice is an error."""
    queries: dict[str, Query] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for query in parse(file.read_text(encoding="utf-8")):
                if query.name in queries:
                    raise ValueError(f"query {query.name} stands twice")
                queries[query.name] = query
    return queries


QUERIES = load()


def query_of(name: str, kind: str) -> Query:
    """The query of this name; TypeError for a verb that it is not written for."""
    query = QUERIES[name]
    if query.kind != kind:
        raise TypeError(f"query {name} is :{query.kind}, not :{kind}")
    return query
