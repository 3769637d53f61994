"""The two clients: one waits, the other is awaited; what they call and how they upload is the same."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Self

import httpx

from mediarpc_client.failure import MediaTransportError
from mediarpc_client.models import Media, Owner, Purpose
from mediarpc_client.procedures import AsyncMediaProcedures, MediaProcedures
from mediarpc_client.retry import Pause
from mediarpc_client.source import Source
from mediarpc_client.transport import AsyncTransport, Endpoint, Token, Transport
from mediarpc_client.upload import Call, Digest, Progress, Put, Step, Steps, Upload

TIMEOUT_SECONDS = 60.0
OnProgress = Callable[[Progress], None]


class Client:
    """A server, as a caller calls it. `token` is the caller's, or what gets one for each call."""

    def __init__(self, url: str, token: Token = None, *, http: httpx.Client | None = None) -> None:
        self._http = http or httpx.Client(timeout=TIMEOUT_SECONDS)
        self._transport = Transport(Endpoint(url, token), self._http)
        self.media = MediaProcedures(self._transport)

    def upload(
        self,
        path: str | PathLike[str],
        *,
        filename: str | None = None,
        content_type: str | None = None,
        purpose: Purpose | None = None,
        owner: Owner | None = None,
        resume: bool = True,
        part_size: int | None = None,
        wait_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Media:
        """Upload a file; the media once its bytes are verified, or ready or failed if that is within `wait_seconds`.

        A large file goes in parts, and goes on where it was broken off, unless `resume` is false.
        """
        upload = Upload(
            source=Source.of(Path(path), filename, content_type),
            purpose=purpose,
            owner=owner,
            resume=resume,
            part_size=part_size,
            wait_seconds=wait_seconds,
            on_progress=on_progress,
        )
        media: Media = self._walk(upload.steps())
        return media

    def _walk(self, steps: Steps) -> Any:
        """Take each step, until there is none."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._take(step)
                except Exception as error:  # noqa: BLE001 - the steps decide what becomes of it
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return end.value

    def _take(self, step: Step) -> Any:
        match step:
            case Call():
                return self._transport.call(step.name, step.members, step.answer)
            case Put():
                return self._put(step)
            case Digest():
                return step.source.digest()
            case Pause():
                return time.sleep(step.seconds)

    def _put(self, step: Put) -> None:
        try:
            _check(self._http.put(step.ticket.upload_url, content=_pieces(step), headers=_headers(step)))
        except httpx.TransportError as error:
            raise _unreachable() from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()


class AsyncClient:
    """The same to be awaited."""

    def __init__(self, url: str, token: Token = None, *, http: httpx.AsyncClient | None = None) -> None:
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._transport = AsyncTransport(Endpoint(url, token), self._http)
        self.media = AsyncMediaProcedures(self._transport)

    async def upload(
        self,
        path: str | PathLike[str],
        *,
        filename: str | None = None,
        content_type: str | None = None,
        purpose: Purpose | None = None,
        owner: Owner | None = None,
        resume: bool = True,
        part_size: int | None = None,
        wait_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Media:
        """Upload a file; the media once its bytes are verified, or ready or failed if that is within `wait_seconds`.

        A large file goes in parts, and goes on where it was broken off, unless `resume` is false.
        """
        upload = Upload(
            source=Source.of(Path(path), filename, content_type),
            purpose=purpose,
            owner=owner,
            resume=resume,
            part_size=part_size,
            wait_seconds=wait_seconds,
            on_progress=on_progress,
        )
        media: Media = await self._walk(upload.steps())
        return media

    async def _walk(self, steps: Steps) -> Any:
        """Take each step, until there is none."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._take(step)
                except Exception as error:  # noqa: BLE001 - the steps decide what becomes of it
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return end.value

    async def _take(self, step: Step) -> Any:
        match step:
            case Call():
                return await self._transport.call(step.name, step.members, step.answer)
            case Put():
                return await self._put(step)
            case Digest():
                return await asyncio.to_thread(step.source.digest)
            case Pause():
                return await asyncio.sleep(step.seconds)

    async def _put(self, step: Put) -> None:
        try:
            _check(await self._http.put(step.ticket.upload_url, content=_async_pieces(step), headers=_headers(step)))
        except httpx.TransportError as error:
            raise _unreachable() from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_failure: object) -> None:
        await self.aclose()


def _headers(step: Put) -> dict[str, str]:
    """Storage takes a body of a known length only."""
    return {**step.ticket.headers, "content-length": str(step.size)}


def _pieces(step: Put) -> Iterator[bytes]:
    sent = 0
    for piece in step.source.pieces(step.offset, step.size):
        yield piece
        sent += len(piece)
        step.on_sent(sent)


async def _async_pieces(step: Put) -> AsyncIterator[bytes]:
    sent, pieces = 0, step.source.pieces(step.offset, step.size)
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
        sent += len(piece)
        step.on_sent(sent)


def _check(response: httpx.Response) -> None:
    if not response.is_success:
        raise MediaTransportError(f"Storage refused the bytes with HTTP {response.status_code}", response.status_code)


def _unreachable() -> MediaTransportError:
    return MediaTransportError("Storage cannot be reached")
