"""The keys that an issuer publishes (RFC 7517), from memory, for whoever sends tokens and however the issuer fares.

All who wait for a look at the issuer share it, and it takes no thread that others need. After it, a token of an unknown
key is judged by what it found for `PAUSE_SECONDS`, whether it found keys or failed.
"""

import asyncio
import math
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
import jwt
import structlog

from contracts.errors import ServiceUnavailable
from rpc.in_flight import InFlight

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.jwks")

TIMEOUT_SECONDS = 5
PAUSE_SECONDS = 30  # a key that is published after a look is seen by the next one
PAUSE_WITHOUT_KEYS_SECONDS = 1  # so that an issuer that starts with this process is not missed for long
RENEWAL_SECONDS = 150  # keys of this age are looked at again while they serve
MAX_AGE_SECONDS = 300  # keys of this age serve only when the issuer cannot be asked


class Jwks:
    """The keys at `url`; `clock` is what they age by."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._found = -math.inf
        self._next_look = -math.inf
        self._failure: Exception | None = None
        self._looking = InFlight[str, None]()

    async def key(self, kid: str) -> jwt.PyJWK:
        """The key of this id; nobody waits for one that is known, unless it is old and the issuer may be asked.

        Raises PyJWKClientError for an unknown one, and ServiceUnavailable when the issuer failed to say.
        """
        is_known, age = kid in self._keys, self._clock() - self._found
        if (not is_known or age >= RENEWAL_SECONDS) and self._clock() >= self._next_look:
            look = self._looking.start(self._url, self._look)
            if not is_known or (age >= MAX_AGE_SECONDS and self._failure is None):
                await asyncio.shield(look)
        return self._known(kid)

    def _known(self, kid: str) -> jwt.PyJWK:
        if kid in self._keys:
            return self._keys[kid]
        if self._failure is not None:
            raise ServiceUnavailable(service="authentication") from self._failure
        raise jwt.PyJWKClientError("no such key")

    async def _look(self) -> None:
        try:
            self._keys = await self._published()
        except (aiohttp.ClientError, TimeoutError, jwt.PyJWTError, ValueError) as error:
            log.warning("jwks failed", reason=type(error).__name__)
            self._failure = error
        else:
            self._found, self._failure = self._clock(), None
        finally:
            self._next_look = self._clock() + (PAUSE_SECONDS if self._keys else PAUSE_WITHOUT_KEYS_SECONDS)

    async def _published(self) -> dict[str, jwt.PyJWK]:
        async with (
            aiohttp.ClientSession(trust_env=True, timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session,
            session.get(self._url, allow_redirects=False) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                raise ValueError(f"status {answer.status}")
            return _keys_for_signatures(await answer.json(content_type=None))


def _keys_for_signatures(answer: object) -> dict[str, jwt.PyJWK]:
    """Those of a JWK Set that check signatures and have an id; PyJWKSetError when there are none."""
    published = jwt.PyJWKSet.from_dict(answer if isinstance(answer, dict) else {})
    keys = {key.key_id: key for key in published.keys if key.key_id and key.public_key_use in {"sig", None}}
    if not keys:
        raise jwt.PyJWKSetError("no keys for signatures")
    return keys
