"""A server whose procedures take bytes, and a client of it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from rpc.app import AppConfig
from tests.processes import TLS
from tests.sample_content import AUTH, CONTENT
from tests.sample_procedures import SAMPLES, listening


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening((*CONTENT, *SAMPLES), config=AppConfig(auth=AUTH)) as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, verify=TLS) as outside:
        yield outside
