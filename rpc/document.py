"""A document that describes this server: who reads it is told where to call.

That is below SERVER_URL or, without it, below the address by which the document was asked for.
"""

import hashlib
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from contracts.wire import Wire

ADDRESSES_KEPT = 16  # a caller names any host


def file_of(
    at: Callable[[str], Wire], rpc_path: str, server_url: str | None
) -> Callable[[Request], Awaitable[Response]]:
    """A GET of the document for an endpoint's address, or 304 for those who have it."""

    @lru_cache(ADDRESSES_KEPT)
    def written(url: str) -> tuple[bytes, str]:
        body = at(url).model_dump_json(by_alias=True).encode()
        return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    async def answer(request: Request) -> Response:
        body, etag = written((server_url or _origin(request)) + rpc_path)
        headers = {"etag": etag, "cache-control": "no-cache"}
        if _names(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    return answer


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _names(if_none_match: str, etag: str) -> bool:
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in known or "*" in known
