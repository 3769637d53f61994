"""From a request's credential to its caller.

A credential is a token, in `Authorization: Bearer` or in the cookie that `AUTH_COOKIE` names. A JWT is checked here:
HS256 with the shared secret, RS256, ES256 and EdDSA with the key of the JWKS that its `kid` names; a token can never
choose to be checked with the other's key. Any other token is the authorization server's to judge, whose address is
`AUTH_INTROSPECTION_URL`, and so is a JWT when there is neither secret nor JWKS.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jwt
from starlette.requests import Request

from contracts.errors import AuthenticationRequired, InvalidToken, ServiceUnavailable, SessionExpired
from contracts.owners import Owner, key_of_user
from contracts.plans import Plan
from rpc.origin import Origins

if TYPE_CHECKING:
    from rpc.introspection import Introspection  # its HTTP client takes a fifth of a process's start

LEEWAY_SECONDS = 10
MAX_TRUST_SECONDS = 300  # a key that is withdrawn from the JWKS stops counting after so long
MAX_INTROSPECTED_SECONDS = 60  # a session that is ended elsewhere is good here for no longer
MAX_REMEMBERED_TOKENS = 10_000
JWKS_TIMEOUT_SECONDS = 5
JWKS_ALGORITHMS = ("RS256", "ES256", "EdDSA")
MAX_USER_ID_CHARACTERS = 64
SERVICE_SCOPE = "service"


@dataclass(frozen=True)
class Caller:
    """Who calls: an opaque user id, the plan that sets the quota (None: as stored), and the token's scopes.

    `owners` are the keys of the owners that the caller may act for beside itself.
    """

    id: str
    plan: Plan | None = None
    scopes: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()

    @cached_property
    def key(self) -> str:
        """The caller as an owner."""
        return key_of_user(self.id)

    @cached_property
    def is_service(self) -> bool:
        """Whether the caller may act for every owner."""
        return SERVICE_SCOPE in self.scopes

    @cached_property
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

    @property
    def knows_jwts(self) -> bool:
        """Whether there is anything to check a JWT with."""
        return self.jwt_secret is not None or self.jwks_url is not None


class Authenticator:
    """Checks tokens against one configuration; `clock` is what it forgets them by."""

    def __init__(
        self,
        config: AuthConfig,
        *,
        introspection: "Introspection | None",
        origins: Origins,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self._introspection = introspection
        self._origins = origins
        self._clock = clock
        self._verified: dict[str, Verified] = {}
        self._verifying: dict[str, asyncio.Task[Verified]] = {}
        self._jwks = jwt.PyJWKClient(config.jwks_url, timeout=JWKS_TIMEOUT_SECONDS) if config.jwks_url else None

    async def caller(self, request: Request) -> Caller:
        """The caller that the request's credential names.

        Raises AuthenticationRequired without one, ForeignSite for a cookie that another site may have sent, and what
        `caller_by` raises.
        """
        token = _bearer(request) or self._cookie(request)
        if token is None:
            raise AuthenticationRequired
        return await self.caller_by(token)

    async def caller_by(self, token: str) -> Caller:
        """The caller that a token names, wherever it stood.

        Raises SessionExpired or InvalidToken for a bad one, ServiceUnavailable when nobody can be asked about it.
        """
        verified = self._verified.get(token)
        if verified is None or self._clock() >= verified.until:
            verified = await self._verify_once(token)
        return verified.caller

    def _cookie(self, request: Request) -> str | None:
        token = request.cookies.get(self.config.cookie) or None if self.config.cookie else None
        if token is not None:
            self._origins.require_trusted(request)
        return token

    async def _verify_once(self, token: str) -> Verified:
        """Verify a token; who needs the same one meanwhile waits for the same outcome."""
        verifying = self._verifying.get(token)
        if verifying is None:
            verifying = self._verifying[token] = asyncio.create_task(self._verify(token))
            verifying.add_done_callback(lambda _: self._verifying.pop(token))
        return await asyncio.shield(verifying)

    async def _verify(self, token: str) -> Verified:
        if self._introspection is None or (self.config.knows_jwts and _is_jwt(token)):
            verified = await self._check(token)
        else:
            verified = await self._introspect(self._introspection, token)
        self._remember(token, verified)
        return verified

    def _remember(self, token: str, verified: Verified) -> None:
        """Keep the outcome; when there are too many, the one that was found first goes."""
        self._verified.pop(token, None)
        if len(self._verified) >= MAX_REMEMBERED_TOKENS:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = verified

    async def _check(self, token: str) -> Verified:
        """What a JWT says, when its signature and its claims hold."""
        try:
            key, algorithms = await self._key(token)
            claims = self._claims(token, key, algorithms)
            return Verified(_caller(claims), min(_expiry(claims) + LEEWAY_SECONDS, self._clock() + MAX_TRUST_SECONDS))
        except jwt.ExpiredSignatureError:
            raise SessionExpired from None
        except jwt.PyJWKClientConnectionError as error:
            raise ServiceUnavailable(service="authentication") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken from error

    async def _introspect(self, introspection: "Introspection", token: str) -> Verified:
        """What the authorization server says of a token; what it leaves out, `sub` apart, is not held against it."""
        asked = self._clock()
        claims = await introspection.claims(token)
        if claims is None:
            raise InvalidToken
        try:
            self._require_meant_for_us(claims)
            caller, expires = _caller(claims), _expiry(claims)
        except ValueError as error:
            raise InvalidToken from error
        if expires + LEEWAY_SECONDS <= asked:
            raise SessionExpired
        return Verified(caller, min(expires, asked + MAX_INTROSPECTED_SECONDS))

    def _require_meant_for_us(self, claims: dict[str, Any]) -> None:
        """ValueError when an introspection answer names another issuer, or audiences without ours."""
        issuer, audience = self.config.issuer, self.config.audience
        if issuer is not None and claims.get("iss", issuer) != issuer:
            raise ValueError("iss")
        named = claims.get("aud", audience)
        if audience is not None and audience not in (named if isinstance(named, list) else [named]):
            raise ValueError("aud")

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


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def _is_jwt(token: str) -> bool:
    """Whether a token has the form of a JWT; other signed cookies have three parts too, but no algorithm."""
    try:
        return "alg" in jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        return False


def _caller(claims: dict[str, Any]) -> Caller:
    """The caller that verified claims describe; ValueError when a claim is not of its kind."""
    user_id, plan, scope = claims.get("sub"), claims.get("plan"), claims.get("scope", "")
    if not isinstance(user_id, str) or not 1 <= len(user_id) <= MAX_USER_ID_CHARACTERS or not user_id.isprintable():
        raise ValueError("sub")
    if not isinstance(scope, str):
        raise ValueError("scope")  # noqa: TRY004 - a claim of a wrong type is an invalid token, like a wrong value
    return Caller(
        user_id, None if plan is None else Plan(plan), frozenset(scope.split()), owner_keys(claims.get("owners", []))
    )


def owner_keys(claim: Any) -> frozenset[str]:
    """The keys of the owners that a claim like `["event:42"]` lists; ValueError when it is not of that kind."""
    if not isinstance(claim, list) or not all(isinstance(listed, str) and ":" in listed for listed in claim):
        raise ValueError("owners")
    return frozenset(Owner.of(listed).key for listed in claim)


def _expiry(claims: dict[str, Any]) -> float:
    """When a token ends, never when nothing is said; ValueError when it is no time."""
    expires = claims.get("exp", math.inf)
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise ValueError("exp")  # noqa: TRY004 - as above
    return expires
