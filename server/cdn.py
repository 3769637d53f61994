"""`/cdn/...`: the embedded store's public bucket, as a CDN serves it to everybody.

The store is asked what an object is (HEAD) and then for exactly the bytes to be sent. Ranges, conditions, types and
caching are decided here: the embedded store answers a part with 200, refuses a suffix that is longer than the object,
does not look at If-Modified-Since, and after a restart has forgotten types and caching.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal

import aiohttp
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from yarl import URL

from server.guard import GUARD
from server.ranges import part_of
from server.storage_proxy import chunks, store_session
from storage.presign import Presigner
from storage.renditions import kind_of
from storage.s3 import StoreConfig

PREFIX = "/cdn"
METHODS = ["GET", "HEAD", "OPTIONS"]
URL_TTL_SECONDS = 60
MAX_KEY_BYTES = 1024  # S3's own limit

_ANYBODY = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "accept-ranges, content-length, content-range, etag",
}
_PREFLIGHT = {
    **_ANYBODY,
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": "*",
    "access-control-max-age": "86400",
}
# A key that the store would never take is a bad request to it.
_NO_SUCH_KEY = {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}
_WITH_BODY = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
_is_not_modified = StaticFiles().is_not_modified


class StoreFailed(Exception):
    """The store gave another answer than it was asked for."""


class Cdn:
    """Serves the bucket that `presigner` signs for."""

    def __init__(self, presigner: Presigner, session: aiohttp.ClientSession) -> None:
        self._presigner = presigner
        self._session = session

    async def __call__(self, request: Request) -> Response:
        """The object at the path, as far as it was asked for; 404 for whatever is none, 502 without its store."""
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT)
        key = key_of(request)
        if key is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        try:
            headers = await self._headers(key)
            return _refusal(HTTPStatus.NOT_FOUND) if headers is None else await self._answer(request, key, headers)
        except (aiohttp.ClientError, TimeoutError, StoreFailed):
            return _refusal(HTTPStatus.BAD_GATEWAY, "storage did not answer")

    async def _headers(self, key: str) -> Headers | None:
        """The headers of the whole object, None when there is none."""
        async with await self._ask("HEAD", key) as found:
            if found.status in _NO_SUCH_KEY:
                return None
            if found.status != HTTPStatus.OK or not {"content-length", "etag", "last-modified"} <= _names(found):
                raise StoreFailed
            kind = kind_of(key)
            return Headers({
                "content-length": found.headers["content-length"],
                "etag": found.headers["etag"],
                "last-modified": found.headers["last-modified"],
                "content-type": kind.content_type,
                "cache-control": kind.cache_control,
                "accept-ranges": "bytes",
                **GUARD,
                **_ANYBODY,
            })  # fmt: skip

    async def _answer(self, request: Request, key: str, headers: Headers) -> Response:
        if _is_not_modified(headers, request.headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_without_body(headers))
        if request.method == "HEAD":
            return Response(headers=headers)
        size = int(headers["content-length"])
        part = part_asked_for(request.headers, headers, size)
        if part is None:
            return await self._stream(key, None, HTTPStatus.OK, headers)
        if not part:
            return _refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, **{"content-range": f"bytes */{size}"})
        part_headers = {
            **headers,
            "content-length": str(len(part)),
            "content-range": f"bytes {part.start}-{part.stop - 1}/{size}",
        }
        return await self._stream(key, part, HTTPStatus.PARTIAL_CONTENT, Headers(part_headers))

    async def _stream(self, key: str, part: range | None, status: HTTPStatus, headers: Headers) -> Response:
        answer = await self._ask("GET", key, part)
        found = (answer.headers.get("content-length"), answer.headers.get("etag"))
        if answer.status not in _WITH_BODY or found != (headers["content-length"], headers["etag"]):
            answer.close()
            raise StoreFailed
        return StreamingResponse(chunks(answer), status_code=status, headers=headers)

    async def _ask(self, method: Literal["GET", "HEAD"], key: str, part: range | None = None) -> aiohttp.ClientResponse:
        url = self._presigner.plain(method, key, now=datetime.now(UTC), ttl_seconds=URL_TTL_SECONDS)
        headers = {"range": f"bytes={part.start}-{part.stop - 1}"} if part else {}
        return await self._session.request(method, URL(url, encoded=True), headers=headers, allow_redirects=False)


def key_of(request: Request) -> str | None:
    """The key that a path names; None for a folder, a way out of one, and what a key cannot have."""
    key: str = request.path_params["key"]
    encoded_slash = b"%2f" in bytes(request.scope["raw_path"]).lower()
    if encoded_slash or "\0" in key or len(key.encode()) > MAX_KEY_BYTES or {"", ".", ".."} & set(key.split("/")):
        return None
    return key


def part_asked_for(asked: Headers, headers: Headers, size: int) -> range | None:
    """The bytes that a request wants of so many: an empty range when there are none, None when it wants them all.

    What is asked for of another object is not looked at (RFC 9110, section 13.1.5).
    """
    if asked.get("if-range", headers["etag"]) not in {headers["etag"], headers["last-modified"]}:
        return None
    return part_of(size, asked.get("range"))


@asynccontextmanager
async def cdn_beside(app: ASGIApp, config: StoreConfig) -> AsyncIterator[ASGIApp]:
    """The application, with the public bucket of a store at its side: whose caching no other origin may touch."""
    presigner = Presigner(replace(config, bucket=config.public_bucket, public_endpoint=None))
    async with store_session() as session:
        cdn = Cdn(presigner, session)
        route = Route(PREFIX + "/{key:path}", cdn.__call__, methods=METHODS)
        yield Router([route], default=app, redirect_slashes=False)


def _names(answer: aiohttp.ClientResponse) -> set[str]:
    return {name.lower() for name in answer.headers}


def _without_body(headers: Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in {"content-length", "content-type"}}


def _refusal(status: HTTPStatus, sentence: str = "", **headers: str) -> Response:
    text = f"{sentence or status.phrase.lower()}\n"
    return PlainTextResponse(text, status, headers={"cache-control": "no-store", **GUARD, **_ANYBODY, **headers})
