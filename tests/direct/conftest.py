"""Calls that bring bytes, as a user with room."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.media import Media
from contracts.plans import Plan
from jobs.sweep import sweep
from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.content import Content
from rpc.dispatch import context_of, validate
from tests.pieces import pieces

TABLE = {procedure.name: procedure for procedure in PROCEDURES}


@pytest.fixture
def ada(ada):
    return replace(ada, plan=Plan.PRO)


@pytest.fixture
def bring(resources, ada):
    """Call a procedure with content."""

    async def run(
        name: str, chunks: AsyncIterator[bytes] | bytes, *, caller: Caller = ada, told: Any = None, **params: Any
    ) -> Any:
        procedure = TABLE[name]
        value = validate(procedure, params)
        context = context_of(resources, procedure, value, caller=caller, request_id="req_test", now=datetime.now(UTC))
        content = Content(pieces(chunks) if isinstance(chunks, bytes) else chunks, **(told or {}))
        return await procedure.run(context, value, content)

    return run


@pytest.fixture
def upload(bring):
    """Upload these bytes; the media."""

    async def run(chunks: AsyncIterator[bytes] | bytes, **params: Any) -> Media:
        media: Media = (await bring("media.upload", chunks, **params)).media
        return media

    return run


@pytest.fixture
def cleaned(resources, run_pending, objects):
    """What is in storage, and reserved, once the jobs and the sweeps have run."""

    async def clean() -> list[str]:
        later = datetime.now(UTC)
        for _ in range(3):
            await run_pending(later)
            later += timedelta(minutes=31)
            await sweep(resources.db, later)
        await run_pending(later)
        keys: list[str] = await objects()
        return keys

    return clean
