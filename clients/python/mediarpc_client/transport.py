"""One call: JSON-RPC for what is JSON, the procedure's own path for bytes and for streams."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

import httpx
from httpx_sse import EventSource
from pydantic import BaseModel

from mediarpc_client.events import Stream
from mediarpc_client.failure import MediaTransportError
from mediarpc_client.reply import result_of

Answer = TypeVar("Answer", bound=BaseModel)
Bytes = bytes | BinaryIO
Token = str | Callable[[], str] | None
Members = Mapping[str, Any]
Request = dict[str, Any]

PIECE_BYTES = 64 * 1024
STREAM_TIMEOUT = httpx.Timeout(10, read=45)  # a stream that is alive says so every 15 seconds
UNREACHABLE = "The server cannot be reached"


class Endpoint:
    """Where calls go, and who calls."""

    def __init__(self, url: str, token: Token) -> None:
        self._url = url.rstrip("/")
        self._token = token

    def call(self, name: str, members: Members) -> Request:
        """The request of a call without bytes."""
        document = {"jsonrpc": "2.0", "id": 1, "method": name, "params": _told(members)}
        return {"method": "POST", "url": self._url, "json": document, "headers": self._headers()}

    def upload(self, name: str, members: Members) -> Request:
        """The request of a call with bytes, its input in the URL."""
        request = self._path("POST", name, members)
        request["headers"]["content-type"] = "application/octet-stream"
        return request

    def stream(self, name: str, members: Members) -> Request:
        """The request of a subscription."""
        return {**self._path("GET", name, members), "timeout": STREAM_TIMEOUT}

    def _path(self, method: str, name: str, members: Members) -> Request:
        params = {"input": json.dumps(_told(members))}
        return {"method": method, "url": f"{self._url}/{name}", "params": params, "headers": self._headers()}

    def _headers(self) -> dict[str, str]:
        token = self._token() if callable(self._token) else self._token
        return {} if token is None else {"authorization": f"Bearer {token}"}


class Transport:
    """Calls that are waited for."""

    def __init__(self, endpoint: Endpoint, http: httpx.Client) -> None:
        self._endpoint, self._http = endpoint, http

    def call(self, name: str, members: Members, answer: type[Answer]) -> Answer:
        """Call a procedure once."""
        return answer.model_validate(self._result(self._endpoint.call(name, members)))

    def send(self, name: str, members: Members, answer: type[Answer], content: Bytes) -> Answer:
        """Call a procedure that takes bytes."""
        request = {**self._endpoint.upload(name, members), "content": content}
        return answer.model_validate(self._result(request)["data"])

    def watch(self, name: str, members: Members, answer: type[Answer]) -> Iterator[Answer]:
        """The events of a subscription, across as many connections as it takes."""
        stream = Stream(members)
        while True:
            try:
                with self._http.stream(**self._endpoint.stream(name, stream.members)) as response:
                    stream.begin(response.status_code)
                    for event in EventSource(response).iter_sse():
                        yield from map(answer.model_validate, stream.feed(event))
            except httpx.TransportError:
                pass
            if stream.is_over:
                return
            time.sleep(stream.delay())

    def _result(self, request: Request) -> Any:
        try:
            return result_of(self._http.request(**request))
        except httpx.TransportError as error:
            raise MediaTransportError(UNREACHABLE) from error


class AsyncTransport:
    """Calls that are awaited."""

    def __init__(self, endpoint: Endpoint, http: httpx.AsyncClient) -> None:
        self._endpoint, self._http = endpoint, http

    async def call(self, name: str, members: Members, answer: type[Answer]) -> Answer:
        """Call a procedure once."""
        return answer.model_validate(await self._result(self._endpoint.call(name, members)))

    async def send(self, name: str, members: Members, answer: type[Answer], content: Bytes) -> Answer:
        """Call a procedure that takes bytes."""
        body = content if isinstance(content, bytes) else _pieces(content)
        result = await self._result({**self._endpoint.upload(name, members), "content": body})
        return answer.model_validate(result["data"])

    async def watch(self, name: str, members: Members, answer: type[Answer]) -> AsyncIterator[Answer]:
        """The events of a subscription, across as many connections as it takes."""
        stream = Stream(members)
        while True:
            try:
                async with self._http.stream(**self._endpoint.stream(name, stream.members)) as response:
                    stream.begin(response.status_code)
                    async for event in EventSource(response).aiter_sse():
                        for data in stream.feed(event):
                            yield answer.model_validate(data)
            except httpx.TransportError:
                pass
            if stream.is_over:
                return
            await asyncio.sleep(stream.delay())

    async def _result(self, request: Request) -> Any:
        try:
            return result_of(await self._http.request(**request))
        except httpx.TransportError as error:
            raise MediaTransportError(UNREACHABLE) from error


async def _pieces(content: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(content.read, PIECE_BYTES):
        yield piece


def _told(members: Members) -> dict[str, Any]:
    """The members as JSON; what is None is left out."""
    return {name: _json(value) for name, value in members.items() if value is not None}


def _json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [_json(member) for member in value] if isinstance(value, list | tuple) else value
