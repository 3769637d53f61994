"""An application that asks an authorization server about its callers' tokens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import httpx

from rpc.auth import AuthConfig
from rpc.introspection import open_introspection
from rpc.limits import RateLimits
from tests.sample_procedures import UNUSED, serving

OPAQUE = "s3ss10n+/=~token"
ADA: tuple[int, Any] = (200, {"id": "ada", "plan": None, "scopes": []})
MISSING = (401, {"code": 1000, "message": "Authentication required"})
EXPIRED = (401, {"code": 1002, "message": "Session expired"})
INVALID = (401, {"code": 1003, "message": "Invalid token"})
UNAVAILABLE = (500, {"code": 1903, "message": "Service unavailable", "details": {"service": "authentication"}})


@asynccontextmanager
async def introspected(url: str, **config: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that asks at `url`."""
    async with open_introspection(url) as introspection:
        resources = cast("Any", SimpleNamespace(db=UNUSED.db, limits=RateLimits(), introspection=introspection))
        async with serving(resources=resources, auth=AuthConfig(**config)) as client:
            yield client


async def ask(client: httpx.AsyncClient, headers: Any) -> tuple[int, Any]:
    """HTTP status, and the caller that the server sees or the error."""
    answer = await client.post("/rpc", json={"procedure": "whoami"}, headers=headers)
    told = answer.json()
    return answer.status_code, told["data"] if told["success"] else told["error"]


async def whoami(credential: str, url: str, **config: Any) -> tuple[int, Any]:
    """The same for one bearer of an application of its own."""
    async with introspected(url, **config) as client:
        return await ask(client, {"authorization": f"Bearer {credential}".encode()})
