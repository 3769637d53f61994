"""`/healthz` and `/readyz`, and what calls are told when the database or storage is down."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from procedures import PROCEDURES
from rpc.context import Resources
from server.resources import app_config, open_resources
from server.settings import Settings
from tests import logs
from tests.databases import empty_database
from tests.outages import PASSWORD, SECRET_KEY, without_database, without_storage
from tests.sample_procedures import post, serving, settled
from tests.services import Servers

METADATA = {"timestamp": "<now>", "requestId": "<id>"}
SECRETS = (PASSWORD, SECRET_KEY, "127.0.0.1", "refused", "Connect", "connection", "postgresql://", "Traceback")

pytestmark = pytest.mark.usefixtures("resources")


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the media application over these settings."""
    async with (
        open_resources(settings) as opened,
        serving(PROCEDURES, resources=opened, config=app_config(settings)) as client,
    ):
        yield client


@pytest.fixture
def unmigrated_url(servers: Servers) -> Iterator[str]:
    """A database in which nothing is."""
    with empty_database(servers) as url:
        yield url


async def readiness(settings: Settings) -> tuple[int, Any]:
    async with served(settings) as client:
        answer = await client.get("/readyz")
        return answer.status_code, answer.json()


async def test_a_process_that_answers_is_healthy(settings: Settings) -> None:
    """Whatever else is down."""
    async with served(without_storage(without_database(settings))) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_with_database_and_storage_it_is_ready(settings: Settings) -> None:
    assert await readiness(settings) == (200, {"status": "ok", "database": "ok", "storage": "ok"})


async def test_an_unreachable_database_is_named(settings: Settings) -> None:
    expected = {"status": "unavailable", "database": "unreachable", "storage": "ok"}
    assert await readiness(without_database(settings)) == (503, expected)


async def test_unreachable_storage_is_named(settings: Settings) -> None:
    expected = {"status": "unavailable", "database": "ok", "storage": "unreachable"}
    assert await readiness(without_storage(settings)) == (503, expected)


async def test_everything_that_is_unreachable_is_named(settings: Settings) -> None:
    expected = {"status": "unavailable", "database": "unreachable", "storage": "unreachable"}
    assert await readiness(without_storage(without_database(settings))) == (503, expected)


@pytest.mark.parametrize("bucket", ["s3_bucket", "s3_public_bucket"])
async def test_a_missing_bucket_is_unreachable_storage(settings: Settings, bucket: str) -> None:
    missing: dict[str, Any] = {bucket: f"missing-{uuid.uuid4().hex[:20]}"}
    expected = {"status": "unavailable", "database": "ok", "storage": "unreachable"}
    assert await readiness(replace(settings, **missing)) == (503, expected)


MIGRATIONS_MISSING = {
    "status": "unavailable",
    "database": "migrations missing: run mediarpc migrate",
    "storage": "ok",
}


async def test_a_missing_migration_is_named(settings: Settings) -> None:
    """An older server's database needs `mediarpc migrate` first."""
    assert settings.database_url
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("delete from migrations where name = '0001_media.sql'")
    assert await readiness(settings) == (503, MIGRATIONS_MISSING)


async def test_an_empty_database_lacks_every_migration(settings: Settings, unmigrated_url: str) -> None:
    assert await readiness(replace(settings, database_url=unmigrated_url)) == (503, MIGRATIONS_MISSING)


async def test_a_newer_database_serves_an_older_process(settings: Settings) -> None:
    """Migrations that this process does not know are nothing that it lacks."""
    assert settings.database_url
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("insert into migrations (name) values ('9999_future.sql')")
    assert (await readiness(settings))[0] == 200


@pytest.fixture
async def outage(
    request: pytest.FixtureRequest, settings: Settings, pending_upload: Callable[..., Awaitable[Any]]
) -> AsyncIterator[tuple[httpx.AsyncClient, str, str, dict[str, Any]]]:
    """A client of an application without one service, its name, and a call that needs it."""
    ticket = await pending_upload()
    down = {"database": without_database, "storage": without_storage}[request.param]
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "database": ("media.getStorageUsage", {}),
        "storage": ("media.completeUpload", {"mediaId": str(ticket.media_id)}),
    }
    async with served(down(settings)) as client:
        yield client, request.param, *calls[request.param]


@pytest.mark.parametrize("outage", ["database", "storage"], indirect=True)
async def test_a_call_is_told_which_service_is_down(
    outage: tuple[httpx.AsyncClient, str, str, dict[str, Any]], bearer: Callable[..., dict[str, str]]
) -> None:
    """1903 in both dialects; neither the answers nor the log tell how the service is reached.

    Each call waits five seconds for a connection.
    """
    client, service, name, given = outage
    with logs.rendered() as log:
        envelope, jsonrpc = await asyncio.gather(
            post(client, json.dumps({"procedure": name, "input": given}), **bearer()),
            post(client, json.dumps({"jsonrpc": "2.0", "method": name, "params": given, "id": 1}), **bearer()),
        )
    error = {"code": 1903, "message": "Service unavailable"}
    details = {"service": service}
    assert envelope.status_code == 500
    assert settled(envelope.json()) == {"success": False, "error": {**error, "details": details}, "metadata": METADATA}
    assert jsonrpc.status_code == 200
    assert settled(jsonrpc.json()) == {
        "jsonrpc": "2.0",
        "error": {**error, "data": {"rpcCode": 1903, "requestId": "<id>", "details": details}},
        "id": 1,
    }
    cause = {"database": "PoolTimeout", "storage": "EndpointConnectionError"}[service]
    lines = logs.calls(log)
    assert [(line["outcome"], line["service"], line["cause"]) for line in lines] == [(1903, service, cause)] * 2
    written = envelope.text + jsonrpc.text + log.getvalue().replace(cause, "")
    assert [secret for secret in SECRETS if secret in written] == []


@pytest.mark.parametrize("down", [without_database, without_storage], ids=["database", "storage"])
async def test_readiness_tells_no_address(settings: Settings, down: Callable[[Settings], Settings]) -> None:
    """Nor does the log."""
    with logs.rendered() as log:
        _, told = await readiness(down(settings))
    written = json.dumps(told) + log.getvalue()
    assert [secret for secret in SECRETS if secret in written] == []


async def test_an_outage_of_the_database_leaves_public_procedures_alone(
    settings: Settings, resources: Resources
) -> None:
    async with served(without_database(settings)) as client:
        answer = await post(client, json.dumps({"procedure": "media.getSupportedFormats"}))
    assert answer.status_code == 200
    assert answer.json()["data"]["formats"][0]["contentType"] == "image/jpeg"
