"""PgBouncer, which gives each transaction whatever session is free."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from server.embedded import free_port
from tests.processes import running

CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
auth_type = any
pool_mode = transaction
"""


@contextmanager
def pooled(database_url: str, folder: Path) -> Iterator[str]:
    """The same database by way of a PgBouncer that pools transactions."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed (on Debian: apt-get install pgbouncer)")
    told, port, file = psycopg.conninfo.conninfo_to_dict(database_url), free_port(), folder / "pgbouncer.ini"
    is_root = os.geteuid() == 0
    if is_root and str(told["host"]).startswith("/"):
        pytest.skip("PgBouncer does not run as root, and nobody else reaches this database's socket")
    server = " ".join(f"{name}={told[name]}" for name in ("host", "port", "user", "password") if told.get(name))
    file.write_text(CONFIGURATION.format(server=server, listen_port=port))
    somebody = ["-u", "nobody"] if is_root else []
    with running([program, *somebody, file], folder) as pgbouncer:
        pgbouncer.wait_for(f"listening on 127.0.0.1:{port}")
        yield f"postgresql://anybody@127.0.0.1:{port}/{told['dbname']}"
