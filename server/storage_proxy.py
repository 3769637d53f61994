"""`/storage/...`: the embedded store under the server's own origin, streamed both ways.

The prefix goes, everything else that a signature covers stays: method, path, query, Host and the signed headers.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from yarl import URL

from server.guard import GUARD

PREFIX = "/storage"
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
CHUNK_BYTES = 64 * 1024
CONNECT_TIMEOUT_SECONDS = 3
IDLE_TIMEOUT_SECONDS = 60

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
# Credentials for the server are none of the store's business.
_NOT_FORWARDED = _HOP_BY_HOP | {"cookie"}
# This server's own CORS middleware answers browsers.
_NOT_RETURNED = _HOP_BY_HOP | {"server", "date"}


class StorageProxy:
    """Passes requests on to the store at `endpoint`."""

    def __init__(self, endpoint: str, session: aiohttp.ClientSession) -> None:
        self._endpoint = endpoint
        self._session = session

    async def __call__(self, request: Request) -> Response:
        """The store's answer to the request; 502 when it gives none."""
        headers = [(name, value) for name, value in request.headers.items() if name not in _NOT_FORWARDED]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        try:
            answer = await self._session.request(
                request.method,
                self._target(request),
                headers=headers,
                data=request.stream() if has_body else None,
                allow_redirects=False,
            )
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except (aiohttp.ClientError, TimeoutError):
            return PlainTextResponse("storage did not answer\n", status_code=HTTPStatus.BAD_GATEWAY)
        returned = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in _NOT_RETURNED and not name.lower().startswith("access-control-")
        }
        # The embedded store answers a part as if it were the whole.
        status = HTTPStatus.PARTIAL_CONTENT if "content-range" in answer.headers and answer.ok else answer.status
        return StreamingResponse(chunks(answer), status_code=status, headers={**returned, **GUARD})

    def _target(self, request: Request) -> URL:
        path = bytes(request.scope["raw_path"]).decode("ascii").removeprefix(PREFIX)
        query = request.scope["query_string"].decode("ascii")
        return URL(f"{self._endpoint}{path}?{query}" if query else f"{self._endpoint}{path}", encoded=True)


@asynccontextmanager
async def storage_routes(endpoint: str) -> AsyncIterator[list[BaseRoute]]:
    """The routes that reach the store at `endpoint`."""
    async with store_session() as session:
        proxy = StorageProxy(endpoint, session)
        yield [Route(PREFIX + "/{path:path}", proxy.__call__, methods=METHODS)]


def store_session() -> aiohttp.ClientSession:
    """Connections to the store that pass on what they are told, and give up when nothing comes."""
    return aiohttp.ClientSession(
        # One for each client: those that stand still keep nobody waiting.
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=IDLE_TIMEOUT_SECONDS),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers={"accept", "accept-encoding", "user-agent", "content-type"},
    )


async def chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body of the store's answer, as fast as it is taken."""
    async with answer:
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            yield chunk
            # A response that was given up is cancelled where it waits, and it never waits while the store is fast.
            await asyncio.sleep(0)
