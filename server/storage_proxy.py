"""`/storage/...`: the embedded store under the server's own origin, streamed both ways.

The prefix goes, everything else that a signature covers stays: method, path, query, Host and the signed headers. What
is not a key in one of the store's buckets leads nowhere.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import unquote

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from yarl import URL

from server.guard import GUARD
from server.ranges import is_one_range, part_of

PREFIX = "/storage"
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
CHUNK_BYTES = 64 * 1024
CONNECT_TIMEOUT_SECONDS = 3
IDLE_TIMEOUT_SECONDS = 60

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
# Credentials for the server are none of the store's business, and a range goes only as the store takes it.
_NOT_FORWARDED = _HOP_BY_HOP | {"cookie", "range"}
# This server's own CORS middleware answers browsers.
_NOT_RETURNED = _HOP_BY_HOP | {"server", "date"}
# Who has a signed URL may read it; a tab that plays a video is in a sandbox, and of no origin that could be listed.
_ANY_PAGE = {"access-control-allow-origin": "*"}


class StorageProxy:
    """Passes requests for keys in these buckets on to the store at `endpoint`."""

    def __init__(self, endpoint: str, buckets: frozenset[str], session: aiohttp.ClientSession) -> None:
        self._endpoint = URL(endpoint)
        self._buckets = buckets
        self._session = session

    async def __call__(self, request: Request) -> Response:
        """The store's answer to the request; 404 when it is for no key, 502 when there is no answer."""
        target = self._target(request)
        if target is None:
            return PlainTextResponse("there is nothing here\n", status_code=HTTPStatus.NOT_FOUND)
        try:
            return await self._answer(request, target)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except (aiohttp.ClientError, TimeoutError):
            return PlainTextResponse("storage did not answer\n", status_code=HTTPStatus.BAD_GATEWAY)

    async def _answer(self, request: Request, target: URL) -> Response:
        asked = range_of(request)
        answer = await self._ask(request, target, asked)
        if asked and answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            answer.close()
            return _suffix_of(await self._ask(request, target, None), asked)
        # The embedded store answers a part as if it were the whole.
        part = "content-range" in answer.headers and answer.ok
        return _passed_on(answer, HTTPStatus.PARTIAL_CONTENT if part else answer.status)

    async def _ask(self, request: Request, target: URL, asked: str | None) -> aiohttp.ClientResponse:
        headers = [(name, value) for name, value in request.headers.items() if name not in _NOT_FORWARDED]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        return await self._session.request(
            request.method,
            target,
            headers=[*headers, ("range", asked)] if asked else headers,
            data=request.stream() if has_body else None,
            allow_redirects=False,
        )

    def _target(self, request: Request) -> URL | None:
        """The URL of a key in one of the store's buckets; None for any other path, also one that climbs."""
        raw_path: bytes = request.scope["raw_path"]
        path = raw_path.removeprefix(PREFIX.encode()).decode("latin-1")
        bucket, _, key = path.removeprefix("/").partition("/")
        climbs = not {".", ".."}.isdisjoint(unquote(key).replace("\\", "/").split("/"))
        if not path.startswith("/") or bucket not in self._buckets or not key or not path.isascii() or climbs:
            return None
        return URL.build(
            scheme=self._endpoint.scheme,
            host=self._endpoint.host or "",
            port=self._endpoint.port,
            path=path,
            query_string=request.scope["query_string"].decode("latin-1"),
            encoded=True,
        )


def range_of(request: Request) -> str | None:
    """The one range of bytes that a GET asks for, as the embedded store reads it, which refuses every other Range."""
    asked = request.headers.get("range", "").strip().lower()
    return asked if request.method == "GET" and is_one_range(asked) else None


def _suffix_of(whole: aiohttp.ClientResponse, asked: str) -> Response:
    """The answer to a range that the embedded store refused, by the whole: a suffix that is longer is all of it."""
    if whole.status != HTTPStatus.OK:
        return _passed_on(whole, whole.status)
    size = int(whole.headers["content-length"])
    if part_of(size, asked):
        return _passed_on(whole, HTTPStatus.PARTIAL_CONTENT, {"content-range": f"bytes 0-{size - 1}/{size}"})
    whole.close()
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    return PlainTextResponse(
        f"{status.phrase.lower()}\n", status, headers={"content-range": f"bytes */{size}", **GUARD}
    )


def _passed_on(answer: aiohttp.ClientResponse, status: int, more: Mapping[str, str] = MappingProxyType({})) -> Response:
    """The store's answer, but for what is not to be returned."""
    returned = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() not in _NOT_RETURNED and not name.lower().startswith("access-control-")
    }
    return StreamingResponse(chunks(answer), status_code=status, headers={**returned, **more, **GUARD, **_ANY_PAGE})


@asynccontextmanager
async def storage_routes(endpoint: str, *buckets: str) -> AsyncIterator[list[BaseRoute]]:
    """The routes that reach these buckets of the store at `endpoint`."""
    async with store_session() as session:
        proxy = StorageProxy(endpoint, frozenset(buckets), session)
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
