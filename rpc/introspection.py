"""Asking the authorization server about a token: RFC 7662.

Tokens travel in the body of the request alone, and nothing of them is logged. Whatever is no answer of the RFC (an
error, a redirect, silence, no JSON) says nothing about the token, so it is told as an outage.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus
from weakref import WeakValueDictionary

import aiohttp
import structlog

from contracts.errors import InvalidToken, ServiceUnavailable
from contracts.tokens import TokenFault
from rpc.json import decode

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.introspection")

TIMEOUT_SECONDS = 3
QUESTIONS_OF_A_PEER = 8  # at once: the others wait their turn, behind nobody else's
CONNECTIONS = 256
MAX_ANSWER_BYTES = 64 * 1024
MAX_TOKEN_CHARACTERS = 8192


class NoVerdict(Exception):
    """The authorization server did not say whether the token is active; `reason` is a word for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Introspection:
    """Asks at `url`, over a session that authenticates this server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def claims(self, token: str, peer: str = "") -> dict[str, Any] | None:
        """What the authorization server tells of a token that is active, None of one that is not.

        A peer's questions wait for each other when there are many of them, and hold up nobody else's.

        Raises InvalidToken for what no token may look like, ServiceUnavailable when there is no verdict in time.
        """
        if len(token) > MAX_TOKEN_CHARACTERS or not (token.isascii() and token.isprintable()):
            raise InvalidToken(TokenFault.MALFORMED)
        try:
            async with self._turn(peer), asyncio.timeout(TIMEOUT_SECONDS):
                return _verdict(await self._ask(token))
        except (aiohttp.ClientError, TimeoutError, NoVerdict) as error:
            reason = error.reason if isinstance(error, NoVerdict) else type(error).__name__
            log.warning("introspection failed", reason=reason)
            raise ServiceUnavailable(service="authentication") from error

    def _turn(self, peer: str) -> asyncio.Semaphore:
        return self._turns.setdefault(peer, asyncio.Semaphore(QUESTIONS_OF_A_PEER))

    async def _ask(self, token: str) -> bytes:
        """The body of the answer; asked once more when the server had closed the connection that was kept to it."""
        try:
            return await self._post(token)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await self._post(token)

    async def _post(self, token: str) -> bytes:
        async with self._session.post(self._url, data={"token": token}, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK:
                raise NoVerdict(f"status {answer.status}")
            return await _bounded(answer)


@asynccontextmanager
async def open_introspection(
    url: str, client_id: str | None = None, client_secret: str | None = None
) -> AsyncIterator[Introspection]:
    """Introspection at `url`, as this client when it has an id and a secret."""
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    if client_id is not None and client_secret is not None:
        # RFC 6749 2.3.1: each is form-encoded first, so that a colon in either is no separator.
        headers["authorization"] = aiohttp.encode_basic_auth(quote_plus(client_id), quote_plus(client_secret))
    async with aiohttp.ClientSession(
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
    ) as session:
        yield Introspection(url, session)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """The body, read no further than the limit."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NoVerdict("answer too large")
    return bytes(body)


def _verdict(body: bytes) -> dict[str, Any] | None:
    """The members of an active token, without those that are null; None of an inactive one."""
    try:
        answer = decode(body)
    except ValueError:
        raise NoVerdict("answer is not JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("active"), bool):
        raise NoVerdict("answer has no active")
    return {name: value for name, value in answer.items() if value is not None} if answer["active"] else None
