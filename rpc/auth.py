"""From a request's credential to its caller.

A credential is a JWT, in `Authorization: Bearer` or in the cookie that `AUTH_COOKIE` names. HS256 tokens are checked
with the shared secret, RS256, ES256 and EdDSA ones with the key of the JWKS that their `kid` names; a token can never
choose to be checked with the other's key.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.requests import HTTPConnection

from contracts.errors import AuthenticationRequired, InvalidToken, ServiceUnavailable, SessionExpired
from contracts.plans import Plan

LEEWAY_SECONDS = 10
MAX_TRUST_SECONDS = 300  # a key that is withdrawn from the JWKS stops counting after so long
MAX_REMEMBERED_TOKENS = 10_000
JWKS_TIMEOUT_SECONDS = 5
JWKS_ALGORITHMS = ("RS256", "ES256", "EdDSA")
MAX_USER_ID_CHARACTERS = 64
SERVICE_SCOPE = "service"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an opaque user id, the plan that sets the quota (None: as stored), and the token's scopes."""

    id: str
    plan: Plan | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def quota_bytes(self) -> int | None:
        """The quota of the token's plan, None when it names no plan."""
        return None if self.plan is None else self.plan.quota_bytes


@dataclass(frozen=True, slots=True)
class Verified:
    """A token's caller, and until when (seconds since 1970) its check need not be made again."""

    caller: Caller
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthConfig:
    """What a token must satisfy, and where it is looked for."""

    jwt_secret: str | None = None
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str | None = None
    cookie: str | None = None


class Authenticator:
    """Checks tokens against one configuration."""

    def __init__(self, config: AuthConfig) -> None:
        self.config = config
        self._verified: dict[str, Verified] = {}
        self._jwks = jwt.PyJWKClient(config.jwks_url, timeout=JWKS_TIMEOUT_SECONDS) if config.jwks_url else None

    async def caller(self, request: HTTPConnection) -> Caller:
        """The caller that the request's credential names.

        Raises AuthenticationRequired without one, SessionExpired or InvalidToken for a bad one, ServiceUnavailable
        when the keys cannot be fetched.
        """
        token = self._token(request)
        if token is None:
            raise AuthenticationRequired
        verified = self._verified.get(token)
        if verified is None or time.time() >= verified.until:
            verified = await self._verify(token)
            self._remember(token, verified)
        return verified.caller

    async def _verify(self, token: str) -> Verified:
        try:
            key, algorithms = await self._key(token)
            claims = self._claims(token, key, algorithms)
            return Verified(_caller(claims), min(claims["exp"] + LEEWAY_SECONDS, time.time() + MAX_TRUST_SECONDS))
        except jwt.ExpiredSignatureError:
            raise SessionExpired from None
        except jwt.PyJWKClientConnectionError as error:
            raise ServiceUnavailable(service="authentication") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken from error

    def _remember(self, token: str, verified: Verified) -> None:
        if len(self._verified) >= MAX_REMEMBERED_TOKENS:
            self._verified.clear()
        self._verified[token] = verified

    def _token(self, request: HTTPConnection) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        return request.cookies.get(self.config.cookie or "") or None

    async def _key(self, token: str) -> tuple[Any, tuple[str, ...]]:
        """The key that a token's algorithm is allowed to be checked with, and the algorithms allowed with that key."""
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256" or self._jwks is None:
            if self.config.jwt_secret is None:
                raise jwt.InvalidAlgorithmError
            return self.config.jwt_secret, ("HS256",)
        try:
            await asyncio.to_thread(self._jwks.get_signing_keys)
        except (jwt.PyJWTError, ValueError) as error:
            raise ServiceUnavailable(service="authentication") from error
        return await asyncio.to_thread(self._jwks.get_signing_key, header.get("kid", "")), JWKS_ALGORITHMS

    def _claims(self, token: str, key: Any, algorithms: tuple[str, ...]) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            leeway=LEEWAY_SECONDS,
            issuer=self.config.issuer,
            audience=self.config.audience,
            options={"require": ["sub", "exp"], "verify_aud": self.config.audience is not None},
        )
        return claims


def _caller(claims: dict[str, Any]) -> Caller:
    """The caller that verified claims describe; ValueError when a claim is not of its kind."""
    user_id, plan, scope = claims["sub"], claims.get("plan"), claims.get("scope", "")
    if not 1 <= len(user_id) <= MAX_USER_ID_CHARACTERS or not user_id.isprintable():
        raise ValueError("sub")
    if not isinstance(scope, str):
        raise ValueError("scope")  # noqa: TRY004 - a claim of a wrong type is an invalid token, like a wrong value
    return Caller(user_id, None if plan is None else Plan(plan), frozenset(scope.split()))
