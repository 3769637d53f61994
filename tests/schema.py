"""The end state of the migrations as one file, for people to read: `sql/schema.sql`, which `make schema` writes."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from server.embedded_postgres import BIN, postgres
from sql.migrate import migrate

SCHEMA = Path(__file__).parent.parent / "sql" / "schema.sql"
HEAD = """\
-- What a database looks like that has every migration, without the tables of the job queue (procrastinate).
-- Written by `make schema`; what the rules are for stands in the migrations.
"""

# Each object that pg_dump writes has a comment of three lines above it.
OBJECT = re.compile(
    r"^--\n-- Name: (?P<name>[^;]+); Type: (?P<type>[^;]+); Schema: [^\n]*\n--\n(?P<text>.*?)(?=^--\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
NOISE = re.compile(r"^(?:SET .*;|\\.*|SELECT pg_catalog\.set_config.*)\n", re.MULTILINE)


def current() -> str:
    """The schema that the migrations lead to, by the dump of a server that is started for it."""
    with tempfile.TemporaryDirectory(prefix="mediarpc-") as folder, postgres(Path(folder) / "postgres") as url:
        migrate(url)
        dump: list[str | Path] = [
            BIN / "pg_dump",
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            "--schema=public",
            url,
        ]
        return readable(subprocess.run(dump, capture_output=True, check=True, text=True).stdout)


def readable(dump: str) -> str:
    """A dump without the job queue's objects, settings of a session, and the name of the schema."""
    objects = [found["text"] for found in OBJECT.finditer(NOISE.sub("", dump)) if _is_ours(found)]
    statements = [text.strip().replace("public.", "") for text in objects]
    return "\n\n".join([HEAD.rstrip(), *filter(None, statements)]) + "\n"


def _is_ours(found: re.Match[str]) -> bool:
    # The name of a constraint or a trigger begins with its table's.
    is_of_queue = found["name"].startswith(("procrastinate", "idx_procrastinate"))
    return found["type"] not in {"SCHEMA", "COMMENT"} and not is_of_queue


def main() -> int:
    """Write the file."""
    SCHEMA.write_text(current(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
