"""Procedures that take bytes, and forms as they stand on the wire; run as a program, it serves the former."""

import asyncio
import hashlib
import resource
import sys
from typing import Any

from pydantic import StrictBool, StrictInt

from contracts.errors import MediaNotFound
from contracts.wire import NoInput, Wire
from rpc.auth import AuthConfig
from rpc.content import Content
from rpc.context import Context
from rpc.procedure import Procedure, mutation
from tests.sample_procedures import SAMPLES, Null, listening
from tests.tokens import SECRET

BOUNDARY = "a-boundary"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
RAW = {"content-type": "application/octet-stream"}


class Size(Wire):
    width: StrictInt
    height: StrictInt


class Described(Wire):
    """What is said of the bytes."""

    page_title: str = "untitled"
    pages: StrictInt = 1
    ratio: float | None = None
    is_draft: StrictBool = False
    note: str | None = None
    tags: list[str] | None = None
    cover_size: Size | None = None


class Kept(Wire):
    described: Described
    filename: str | None
    content_type: str | None
    length: int | None
    size: int
    sha256: str


class Discarded(Wire):
    size: int
    peak_kib: int


@mutation("content.keep", public=True)
async def keep(_ctx: Context, params: Described, content: Content) -> Kept:
    """Tell what came."""
    size, digest = 0, hashlib.sha256()
    async for chunk in content:
        size += len(chunk)
        digest.update(chunk)
    return Kept(
        described=params,
        filename=content.filename,
        content_type=content.content_type,
        length=content.length,
        size=size,
        sha256=digest.hexdigest(),
    )


@mutation("content.mine")
async def mine(ctx: Context, params: Described, content: Content) -> Kept:
    kept: Kept = await keep.run(ctx, params, content)
    return kept


@mutation("content.refuse", public=True, raises=(MediaNotFound,))
async def refuse(_ctx: Context, _params: NoInput, _content: Content) -> Null:
    """Refuse whatever is brought, without a look at it."""
    raise MediaNotFound


@mutation("content.discard", public=True)
async def discard(_ctx: Context, _params: NoInput, content: Content) -> Discarded:
    """Read to the end, and tell the most memory that the process ever had."""
    size = 0
    async for chunk in content:
        size += len(chunk)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Discarded(size=size, peak_kib=peak // 1024 if sys.platform == "darwin" else peak)


AUTH = AuthConfig(jwt_secret=SECRET, cookie="session")
CONTENT = (keep, mine, refuse, discard)
# What `content.keep` understands of no input, and says to calls without bytes.
PLAIN = {
    "pageTitle": "untitled",
    "pages": 1,
    "ratio": None,
    "isDraft": False,
    "note": None,
    "tags": None,
    "coverSize": None,
}
TAKES_BYTES = (
    "content.keep takes bytes: send multipart/form-data or application/octet-stream to /rpc/content.keep, "
    "in a request of its own"
)


def audio_file(happened: "asyncio.Queue[Any]") -> Procedure:
    """`content.record`, which tells each chunk, and how the content ended."""

    @mutation("content.record", public=True)
    async def record(_ctx: Context, _params: NoInput, content: Content) -> Null:
        try:
            async for chunk in content:
                happened.put_nowait(chunk)
        except BaseException as failure:
            happened.put_nowait(type(failure).__name__)
            raise
        happened.put_nowait("whole")
        return Null()

    return record


def told(happened: "asyncio.Queue[Any]") -> list[Any]:
    """What has been told and not been read yet."""
    return [happened.get_nowait() for _ in range(happened.qsize())]


def part(name: str, value: bytes | str, *, filename: str | None = None, more: str = "") -> bytes:
    """One part of a form."""
    named = "" if filename is None else f'; filename="{filename}"'
    body = value.encode() if isinstance(value, str) else value
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{more}\r\n'.encode() + body + b"\r\n"
    )


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def serve() -> None:
    async with listening((*CONTENT, *SAMPLES)) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
