"""What is in storage, and what of it no row names."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from rpc.context import Resources
from tests.deployment import let_everybody_read
from tests.leftovers import open_uploads

Keys = Callable[[], Awaitable[list[str]]]


@pytest.fixture
def objects(resources: Resources) -> Keys:
    """Every key in the test's bucket."""

    async def keys() -> list[str]:
        return await resources.store.keys_under("")

    return keys


@pytest.fixture
def public(resources: Resources) -> Keys:
    """Every key in the test's bucket of renditions."""

    async def keys() -> list[str]:
        return await resources.store.public.keys_under("")

    return keys


@pytest.fixture
async def read_by_everybody(resources: Resources) -> None:
    """The test's bucket of renditions is public, in stores that have policies."""
    try:
        await asyncio.to_thread(let_everybody_read, resources.store._client, resources.store.public.name)
    except ClientError:
        pytest.skip("this store has no policies")


@pytest.fixture
def named_objects(database_url: str) -> Callable[[], set[str]]:
    """The keys of all objects that media rows name."""

    def keys() -> set[str]:
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("select original_key, jsonb_path_query_array(renditions, '$[*].key') from media")
            return {key for original, made in rows for key in (original, *made)}

    return keys


@pytest.fixture
def unnamed_objects(named_objects: Callable[[], set[str]], objects: Keys, public: Keys) -> Keys:
    """Every object that no row names, nor a playlist that a row names."""

    async def keys() -> list[str]:
        named = named_objects()
        segments = tuple(f"{key.removesuffix('.m3u8')}-" for key in named if key and key.endswith(".m3u8"))
        found = [*await objects(), *await public()]
        return [key for key in found if key not in named and not key.startswith(segments)]

    return keys


@pytest.fixture
def open_at_the_store(database_url: str, resources: Resources) -> Keys:
    """The key of every upload in parts that the store still has open, whether its row is there or not."""

    async def keys() -> list[str]:
        return await open_uploads(database_url, resources.store)

    return keys


def in_pages_of(client: Any, operation: str, **size: int) -> list[Any]:
    """Have a client list in pages of this size, where a store has a thousand entries on each; the pages to come."""
    pages: list[Any] = []

    def ask(params: dict[str, Any], **_: Any) -> None:
        pages.append(params)
        params.update(size)

    client.meta.events.register(f"before-parameter-build.s3.{operation}", ask)
    return pages
