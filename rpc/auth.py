"""From a request's credential to its caller.

A credential is a token, in `Authorization: Bearer` or in the cookie that `AUTH_COOKIE` names. A JWT is checked here:
HS256 with the shared secret, RS256, ES256 and EdDSA with the key of the JWKS that its `kid` names; a token can never
choose to be checked with the other's key. Any other token is the authorization server's to judge, whose address is
`AUTH_INTROSPECTION_URL`, and so is a JWT when there is neither secret nor JWKS.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import jwt
from msgspec import Meta, Struct, convert
from starlette.requests import Request

from contracts.errors import AuthenticationRequired, InvalidToken, SessionExpired
from contracts.owners import Owner, key_of_user
from contracts.plans import Plan
from contracts.tokens import TokenFault
from rpc.cookies import cookie_of
from rpc.in_flight import InFlight
from rpc.origin import Origins
from rpc.peers import peer_of
from rpc.refusals import Refusals
from rpc.token_faults import fault_of, fault_of_claim, is_jwt

if TYPE_CHECKING:
    from rpc.introspection import Introspection  # its HTTP client takes a fifth of a process's start
    from rpc.jwks import Jwks

IN_MILLISECONDS = 1e11  # what no `exp` in seconds reaches before the year 5138, and each in milliseconds has passed
LEEWAY_SECONDS = 10
MAX_TRUST_SECONDS = 300  # a key that is withdrawn from the JWKS stops counting after so long
MAX_INTROSPECTED_SECONDS = 60  # a session that is ended elsewhere is good here for no longer
MAX_REMEMBERED_TOKENS = 10_000
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


class Claims(Struct, frozen=True):
    """What a token says of its caller; what else it says is for others. `exp` is in seconds since 1970."""

    sub: Annotated[str, Meta(min_length=1, max_length=MAX_USER_ID_CHARACTERS)]
    exp: float = math.inf
    plan: Plan | None = None
    scope: str = ""
    owners: tuple[Annotated[str, Meta(pattern=":")], ...] = ()


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
    explains_faults: bool = False

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
        self._verifying = InFlight[str, Verified]()
        self._refusals = Refusals(clock)
        self._jwks = _jwks(config.jwks_url, clock) if config.jwks_url else None

    async def caller(self, request: Request) -> Caller:
        """The caller that the request's credential names.

        Raises AuthenticationRequired without one, ForeignSite for a cookie that another site may have sent, and what
        `caller_by` raises.
        """
        token = _bearer(request) or self._trusted_cookie(request)
        if token is None:
            raise AuthenticationRequired
        return await self.caller_by(token, peer_of(request.client and request.client.host))

    def names_caller(self, request: Request) -> bool:
        """Whether a request holds a credential, good or bad."""
        return bool(_bearer(request) or self._cookie(request))

    async def caller_by(self, token: str, peer: str = "") -> Caller:
        """The caller that a token names, wherever it stood and whoever sent it.

        Raises SessionExpired or InvalidToken for a bad one, ServiceUnavailable when nobody can be asked about it.
        """
        verified = self._verified.get(token)
        if verified is None or self._clock() >= verified.until:
            self._refusals.require_none(token)
            verified = await self._verifying.share(token, lambda: self._verify(token, peer))
        return verified.caller

    def _trusted_cookie(self, request: Request) -> str | None:
        token = self._cookie(request)
        if token is not None:
            self._origins.require_trusted(request)
        return token

    def _cookie(self, request: Request) -> str | None:
        return (cookie_of(request, self.config.cookie) or None) if self.config.cookie else None

    async def _verify(self, token: str, peer: str) -> Verified:
        try:
            verified = await self._judge(token, peer)
        except (InvalidToken, SessionExpired) as refused:
            self._refusals.note(token, refused)
            raise
        self._remember(token, verified)
        return verified

    async def _judge(self, token: str, peer: str) -> Verified:
        try:
            if self._introspection is None or (self.config.knows_jwts and is_jwt(token)):
                return await self._check(token)
            return await self._introspect(self._introspection, token, peer)
        except InvalidToken as refused:
            refused.explained = self.config.explains_faults
            raise

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
            claims = _convert(self._claims(token, key, algorithms))
            if claims.exp >= IN_MILLISECONDS:
                raise InvalidToken(TokenFault.BAD_TIME)
            return Verified(_caller(claims), min(claims.exp + LEEWAY_SECONDS, self._clock() + MAX_TRUST_SECONDS))
        except jwt.ExpiredSignatureError:
            raise SessionExpired from None
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise InvalidToken(fault_of(error, token)) from error

    async def _introspect(self, introspection: "Introspection", token: str, peer: str) -> Verified:
        """What the authorization server says of a token; what it leaves out, `sub` apart, is not held against it."""
        asked = self._clock()
        found = await introspection.claims(token, peer)
        if found is None:
            raise InvalidToken(TokenFault.INACTIVE)
        self._require_meant_for_us(found)
        claims = _convert(found)
        caller = _caller(claims)
        if claims.exp + LEEWAY_SECONDS <= asked:
            raise SessionExpired
        return Verified(caller, min(claims.exp, asked + MAX_INTROSPECTED_SECONDS))

    def _require_meant_for_us(self, claims: dict[str, Any]) -> None:
        """InvalidToken when an introspection answer names another issuer, or audiences without ours."""
        issuer, audience = self.config.issuer, self.config.audience
        if issuer is not None and claims.get("iss", issuer) != issuer:
            raise InvalidToken(TokenFault.WRONG_ISS)
        named = claims.get("aud", audience)
        if audience is not None and audience not in (named if isinstance(named, list) else [named]):
            raise InvalidToken(TokenFault.WRONG_AUD)

    async def _key(self, token: str) -> tuple[Any, tuple[str, ...]]:
        """The key that a token's algorithm is allowed to be checked with, and the algorithms allowed with that key."""
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256" or self._jwks is None:
            if self.config.jwt_secret is None:
                raise jwt.InvalidAlgorithmError
            return self.config.jwt_secret, ("HS256",)
        return await self._jwks.key(header.get("kid", "")), JWKS_ALGORITHMS

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


def _jwks(url: str, clock: Callable[[], float]) -> "Jwks":
    from rpc.jwks import Jwks  # noqa: PLC0415 - few need its HTTP client

    return Jwks(url, clock)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def _convert(claims: dict[str, Any]) -> Claims:
    """The claims that count; InvalidToken for one that is not of its kind."""
    try:
        return convert(claims, Claims)
    except ValueError as error:
        raise InvalidToken(fault_of_claim(error)) from error


def _caller(claims: Claims) -> Caller:
    """The caller that verified claims describe; InvalidToken when they name somebody or something that cannot be."""
    if not claims.sub.isprintable():
        raise InvalidToken(TokenFault.BAD_SUB)
    try:
        owners = frozenset(Owner.of(listed).key for listed in claims.owners)
    except ValueError as error:
        raise InvalidToken(TokenFault.BAD_OWNERS) from error
    return Caller(claims.sub, claims.plan, frozenset(claims.scope.split()), owners)
