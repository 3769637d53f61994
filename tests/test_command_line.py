"""`mediarpc` as a process: what it prints, what it refuses, and a whole upload over `serve` and `worker`."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import psycopg
import pytest

from server.embedded import Secrets, free_port
from sql.migrate import migrations
from tests import media_files
from tests.authorization_server import authorization_server
from tests.databases import empty_database
from tests.processes import MEDIARPC, Site, environment, mediarpc, running

SECRET = "a secret for tests, long enough for HS256"
PHOTO = media_files.photo()
COMMANDS = [
    "dev",
    "serve",
    "worker",
    "migrate",
    "doctor",
    "token",
    "purge-user",
    "openrpc",
    "openapi",
    "typescript",
    "python",
]


@pytest.fixture
def empty_database_url(servers) -> Iterator[str]:
    """A database without a schema."""
    with empty_database(servers) as url:
        yield url


@pytest.fixture
def free_site(configured) -> Site:
    """Where `serve` will answer, with a token that it accepts."""
    token = mediarpc("token", "--user", "ada", AUTH_JWT_SECRET=SECRET).stdout.strip()
    return Site(f"http://127.0.0.1:{configured['PORT']}", token)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command):
    """`--help` of a command says how it is called."""
    asked = mediarpc(command, "--help")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith(f"usage: mediarpc {command} ")


def test_help_lists_every_command():
    """`--help` names the eleven commands."""
    told = re.findall(r"^ {4}([a-z-]+)", mediarpc("--help").stdout, re.MULTILINE)
    assert told == COMMANDS


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        ("serve --help", ["aiohttp", "boto3", "procedures", "psycopg", "pydantic", "starlette", "uvicorn"]),
        ("token --user ada --ttl 0", ["aiohttp", "boto3", "procedures", "psycopg", "uvicorn"]),
        ("migrate --wait -1", ["aiohttp", "boto3", "procedures", "uvicorn"]),
        ("serve --workers 0", ["aiohttp"]),
    ],
)
def test_a_command_imports_no_more_than_it_needs(arguments, needless):
    """Every start waits for what is imported."""
    program = f"""
import atexit, sys
from server.__main__ import main
atexit.register(lambda: print("imported:", *sorted(set({needless}) & set(sys.modules))))
main({arguments.split()})
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert ran.stdout.splitlines()[-1] == "imported:", ran.stderr


@pytest.mark.parametrize("arguments", [(), ("launch",), ("serve", "--port", "1")], ids=["none", "unknown", "option"])
def test_what_is_no_command_is_refused(arguments):
    """The refusal shows the usage."""
    refused = mediarpc(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("usage: mediarpc")


def test_token_prints_a_token_and_nothing_else(tmp_path):
    """Standard output is the token alone, so that a shell can take it; every claim is as asked."""
    made = mediarpc(
        *("token", "--user", "ada@example.com", "--plan", "pro", "--scope", "service", "--ttl", "60"),
        *("--owner", "event:42", "--owner", "team:a:b"),
        DATA_DIR=str(tmp_path),
        AUTH_JWT_SECRET=SECRET,
        AUTH_ISSUER="https://id.example",
        AUTH_AUDIENCE="media",
    )
    assert (made.returncode, made.stderr, made.stdout.count("\n")) == (0, "", 1)
    told = jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"], issuer="https://id.example", audience="media")
    assert told.pop("exp") - told.pop("iat") == 60
    assert told == {
        "sub": "ada@example.com",
        "plan": "pro",
        "scope": "service",
        "owners": ["event:42", "team:a:b"],
        "iss": "https://id.example",
        "aud": "media",
    }


def test_token_claims_only_what_was_asked(tmp_path):
    """Without options a token is a user's, for a day."""
    made = mediarpc("token", "--user", "ada", DATA_DIR=str(tmp_path), AUTH_JWT_SECRET=SECRET)
    told = jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"])
    assert told.pop("exp") - told.pop("iat") == 86400
    assert told == {"sub": "ada"}


def test_token_takes_the_secret_of_a_dev_folder(tmp_path):
    """Beside a `mediarpc dev`, nothing has to be configured."""
    secret = Secrets.of(tmp_path).jwt_secret
    made = mediarpc("token", "--user", "ada", DATA_DIR=str(tmp_path))
    assert jwt.decode(made.stdout.strip(), secret, algorithms=["HS256"])["sub"] == "ada"


def test_token_prefers_the_secret_of_the_environment(tmp_path):
    """A configured secret takes the place of the folder's, as it does for dev."""
    Secrets.of(tmp_path)
    made = mediarpc("token", "--user", "ada", DATA_DIR=str(tmp_path), AUTH_JWT_SECRET=SECRET)
    assert jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"])["sub"] == "ada"


def test_token_without_a_secret_says_where_one_comes_from(tmp_path):
    """The refusal names the variable, and makes no folder."""
    refused = mediarpc("token", "--user", "ada", DATA_DIR=str(tmp_path / "none"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "mediarpc: AUTH_JWT_SECRET is not set, and no `mediarpc dev` has made one here: run it first, or set DATA_DIR\n"
    )
    assert not (tmp_path / "none").exists()


BAD_OWNER = "mediarpc: --owner must be like event:42, a type in lower case and an id of up to 64 characters, not '{}'\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--user", "ada", "--ttl", "0"), "mediarpc: --ttl must be at least 1 second\n"),
        (("--user", "a" * 65), "mediarpc: --user must have 1 to 64 printable characters\n"),
        (("--user", ""), "mediarpc: --user must have 1 to 64 printable characters\n"),
        (("--user", "a\nb"), "mediarpc: --user must have 1 to 64 printable characters\n"),
        (("--user", "ada", "--owner", "event"), BAD_OWNER.format("event")),
        (("--user", "ada", "--owner", "event:42", "--owner", "Event:43"), BAD_OWNER.format("Event:43")),
    ],
    ids=["no time", "65 characters", "no user", "control character", "no type", "bad type"],
)
def test_token_makes_none_that_the_server_would_refuse(arguments, sentence, tmp_path):
    """What no server accepts is not signed."""
    refused = mediarpc("token", *arguments, DATA_DIR=str(tmp_path), AUTH_JWT_SECRET=SECRET)
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", sentence)


@pytest.mark.parametrize("arguments", [("--plan", "gold"), ("--scope", "admin"), ("--ttl", "soon")])
def test_token_knows_its_words(arguments):
    """Unknown plans and scopes are refused with those that there are."""
    refused = mediarpc("token", "--user", "ada", *arguments, AUTH_JWT_SECRET=SECRET)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"argument {arguments[0]}: invalid " in refused.stderr


NO_VERIFIER = (
    "mediarpc: None of AUTH_JWT_SECRET, AUTH_JWKS_URL and AUTH_INTROSPECTION_URL is set: no caller could be verified\n"
)
NO_DATABASE = "mediarpc: DATABASE_URL is not set. The Postgres (15 or newer) that holds everything but the bytes.\n"
NO_KEY = "mediarpc: S3_ACCESS_KEY_ID is not set. The id of the key pair.\n"


@pytest.mark.parametrize(
    ("command", "missing", "sentence"),
    [
        ("serve", "AUTH_JWT_SECRET", NO_VERIFIER),
        ("serve", "DATABASE_URL", NO_DATABASE),
        ("serve", "S3_ACCESS_KEY_ID", NO_KEY),
        ("worker", "DATABASE_URL", NO_DATABASE),
        ("worker", "S3_ACCESS_KEY_ID", NO_KEY),
        ("migrate", "DATABASE_URL", NO_DATABASE),
    ],
)
def test_a_command_without_what_it_needs_does_not_start(configured, command, missing, sentence):
    """It ends with the one sentence that names what is missing."""
    del configured[missing]
    refused = mediarpc(command, **configured)
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", sentence)


def test_serve_with_a_bad_port_does_not_start(configured):
    """The refusal names the variable and shows its value."""
    refused = mediarpc("serve", **{**configured, "PORT": "80000"})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "mediarpc: PORT must be a whole number from 1 to 65535, got '80000'\n"


def test_serve_on_a_taken_port_does_not_start(configured):
    """The refusal says how to get another port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = mediarpc("serve", **{**configured, "PORT": str(port)})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"mediarpc: Port {port} on 127.0.0.1 cannot be listened on (Address already in use). "
        "Stop what runs there, or set PORT to a free one.\n"
    )


def test_migrate_applies_everything_once(empty_database_url):
    """The first run names each migration in order; the second finds nothing to do."""
    first = mediarpc("migrate", DATABASE_URL=empty_database_url)
    assert (first.returncode, first.stdout.splitlines()) == (0, [name for name, _ in migrations()])
    second = mediarpc("migrate", DATABASE_URL=empty_database_url)
    assert (second.returncode, second.stdout) == (0, "nothing to do\n")


def test_two_migrations_at_once_apply_everything_once(empty_database_url, tmp_path):
    """Both succeed, and together they have applied each migration one time."""
    names = [name for name, _ in migrations()]
    variables = {"DATABASE_URL": empty_database_url}
    with (
        running([MEDIARPC, "migrate"], tmp_path, **variables) as one,
        running([MEDIARPC, "migrate"], tmp_path, **variables) as other,
    ):
        assert (one.process.wait(60), other.process.wait(60)) == (0, 0)
    applied = f"{one.output}{other.output}".replace("nothing to do\n", "").splitlines()
    assert sorted(applied) == sorted(names)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("select name from migrations order by name").fetchall() == [
            (name,) for name in sorted(names)
        ]


def test_migrate_without_its_database_ends_with_a_sentence():
    """No trace and no password: the server that was not reached is what counts."""
    refused = mediarpc("migrate", DATABASE_URL=f"postgresql://ada:hunter2@127.0.0.1:{free_port()}/media")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("mediarpc: ")
    assert (refused.stderr.count("\n"), "hunter2" in refused.stderr) == (1, False)


async def test_serve_and_worker_carry_a_whole_upload(resources, objects, configured, free_site, tmp_path):
    """Two processes that share only the database and the store make a media ready and take it away again."""
    with (
        running([MEDIARPC, "serve"], tmp_path, **configured) as serve,
        running([MEDIARPC, "worker"], tmp_path, **configured) as worker,
    ):
        serve.wait_for(f"mediarpc serves on 127.0.0.1:{configured['PORT']}")
        media_id = free_site.upload(PHOTO)
        assert free_site.download(media_id) == PHOTO
        worker.wait_for('"job":"process_media"')
        assert [key.partition("/")[0] for key in await objects()] == ["users"]
        assert free_site.rpc("media.deleteMedia", mediaId=media_id) == {"success": True}
        worker.wait_for('"job":"purge_media"')
        assert await objects() == []
        assert (serve.stop(), worker.stop()) == (0, 0)
    assert "Traceback" not in serve.output + worker.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_cleanly(configured, free_site, tmp_path, number):
    """A server that answers stops with status 0."""
    with running([MEDIARPC, "serve"], tmp_path, **configured) as serve:
        serve.wait_for("mediarpc serves on")
        assert httpx.get(f"{free_site.origin}/healthz", timeout=30).status_code == 200
        assert serve.stop(number) == 0
    assert "Traceback" not in serve.output


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("time", range(4))
def test_a_signal_ends_a_worker_cleanly(configured, tmp_path, number, time):
    """A worker stops with status 0, even when it has only just begun."""
    with running([MEDIARPC, "worker"], tmp_path, **configured) as worker:
        worker.wait_for("worker started")
        assert worker.stop(number) == 0
    assert "Traceback" not in worker.output


def test_serve_starts_while_the_database_is_unreachable(resources, configured, free_site, tmp_path):
    """It answers for itself, says that it cannot work, and tells a caller which service is missing."""
    configured["DATABASE_URL"] = f"postgresql://ada:hunter2@127.0.0.1:{free_port()}/media"
    with running([MEDIARPC, "serve"], tmp_path, **configured) as serve:
        serve.wait_for("mediarpc serves on")
        health = httpx.get(f"{free_site.origin}/healthz", timeout=30)
        ready = httpx.get(f"{free_site.origin}/readyz", timeout=30)
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        assert (ready.status_code, ready.json()["storage"]) == (503, "ok")
        assert ready.json()["database"] == "unreachable"
        assert serve.stop() == 0
    assert "hunter2" not in serve.output


async def test_serve_knows_the_sessions_of_an_authorization_server(resources, configured, tmp_path):
    """With no other verifier; what it asks with, and about, stays out of its output."""
    del configured["AUTH_JWT_SECRET"]
    async with authorization_server() as sessions:
        sessions.tokens["s3ss10n"] = {"sub": "ada", "plan": "basic"}
        configured["AUTH_INTROSPECTION_URL"] = sessions.url
        configured["AUTH_INTROSPECTION_CLIENT_ID"] = "media"
        configured["AUTH_INTROSPECTION_CLIENT_SECRET"] = "hunter2"
        with running([MEDIARPC, "serve"], tmp_path, **configured) as serve:
            serve.wait_for("mediarpc serves on")
            site = Site(f"http://127.0.0.1:{configured['PORT']}", "s3ss10n")
            usage = await asyncio.to_thread(site.rpc, "media.getStorageUsage")
            assert usage["limit"] == 1024**3
            assert serve.stop() == 0
    assert [asked.headers["authorization"] for asked in sessions.asked] == ["Basic bWVkaWE6aHVudGVyMg=="]
    assert [secret for secret in ("s3ss10n", "hunter2", "Traceback", "Unclosed") if secret in serve.output] == []


def test_a_worker_waits_for_a_database_that_comes_later(resources, configured, tmp_path):
    """A worker that started in an outage goes on trying, and stops when told."""
    configured["DATABASE_URL"] = f"postgresql://ada:hunter2@127.0.0.1:{free_port()}/media"
    with running([MEDIARPC, "worker"], tmp_path, **configured) as worker:
        worker.wait_for('"database unreachable"')
        assert worker.process.poll() is None
        assert worker.stop() == 0
    assert "hunter2" not in worker.output


def test_commands_are_found_beside_the_interpreter():
    """The environment that runs the tests has the command that they test."""
    assert Path(MEDIARPC).is_file()
