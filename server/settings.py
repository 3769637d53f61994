"""Every setting, from the environment alone, with default, unit and a sentence; checked before anything starts."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self
from urllib.parse import urlsplit

from contracts.media import MAX_WAIT_SECONDS
from contracts.plans import PlanQuotas
from contracts.sizes import GIB, MIB, TIB, bytes_of, size_of
from rpc.limits import DEFAULT_LIMITS, RateLimits

MIN_SECRET_BYTES = 32
MAX_DIGITS = 18
# S3's own limits: of one PUT and its copy, and of an object.
MAX_PUT_BYTES = 5 * GIB
MAX_MULTIPART_BYTES = 5 * TIB


class SettingsError(Exception):
    """A variable is missing or has a value that cannot be used; the sentence names it and shows no secret."""


def setting(sentence: str, *, default: Any, parse: Callable[[str], Any], secret: bool = False) -> Any:
    """A field whose variable is its name in capitals."""
    return field(default=default, repr=not secret, metadata={"sentence": sentence, "parse": parse, "secret": secret})


def _text(value: str) -> str:
    return value


def _path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError("must be a path like /api/rpc")
    return value


def _flag(value: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if value.lower() not in words:
        raise ValueError("must be true or false")
    return words[value.lower()]


def _number(smallest: int, largest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if len(value) > MAX_DIGITS or not value.isdecimal() or not smallest <= int(value) <= largest:
            raise ValueError(f"must be a whole number from {smallest} to {largest}")
        return int(value)

    return parse


def _size(largest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        size = bytes_of(value)
        if not 1 <= size <= largest:
            raise ValueError(f"must be from 1 byte to {size_of(largest)}")
        return size

    return parse


def _http_url(value: str) -> str:
    try:
        url = urlsplit(value)
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL that begins with http:// or https://")
    return value


def _base_url(value: str) -> str:
    """The URL that paths are put after."""
    return _http_url(value).rstrip("/")


def _database_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a URL that begins with postgresql://")
    return value


def _clamd_url(value: str) -> str:
    try:
        url = urlsplit(value)
        usable = url.scheme == "tcp" and url.hostname and url.port != 0 and not url.path.strip("/")
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL like tcp://clamd:3310")
    return value


def _jwt_secret(value: str) -> str:
    if len(value.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes, as HS256 asks for")
    return value


def _origins(value: str) -> tuple[str, ...]:
    listed = tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
    for origin in listed:
        if origin != "*" and (urlsplit(origin).scheme not in {"http", "https"} or urlsplit(origin).path):
            raise ValueError("must be origins like https://app.example.com, separated by commas, or *")
    return listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process is told by its environment."""

    host: str = setting("The address to listen on.", default="127.0.0.1", parse=_text)
    port: int = setting("The port to listen on.", default=8000, parse=_number(1, 65535))
    rpc_path: str = setting("The path of the endpoint; tRPC's procedures stand below it.", default="/rpc", parse=_path)
    data_dir: str = setting(
        "The folder where `mediarpc dev` keeps its data and its secret.", default=".mediarpc", parse=_text
    )
    database_url: str | None = setting(
        "The Postgres (15 or newer) that holds everything but the bytes.",
        default=None,
        parse=_database_url,
        secret=True,
    )
    s3_endpoint: str | None = setting(
        "The S3 server as this server reaches it; unset for AWS.", default=None, parse=_base_url
    )
    s3_public_endpoint: str | None = setting(
        "What signed URLs name, when browsers reach storage elsewhere than this server does; a path in it is the "
        "proxy's to strip.",
        default=None,
        parse=_base_url,
    )
    s3_region: str = setting("The region that signatures name.", default="us-east-1", parse=_text)
    s3_bucket: str = setting("The private bucket of originals.", default="media", parse=_text)
    s3_public_bucket: str = setting("The bucket of renditions.", default="media-public", parse=_text)
    s3_access_key_id: str | None = setting("The id of the key pair.", default=None, parse=_text, secret=True)
    s3_secret_access_key: str | None = setting("The secret of the key pair.", default=None, parse=_text, secret=True)
    s3_use_path_style: bool | None = setting(
        "Whether the bucket stands in the path (MinIO) or in the host name (AWS); unset: in the path, but for AWS.",
        default=None,
        parse=_flag,
    )
    s3_refuse_copies: bool | None = setting(
        "Whether signed URLs refuse `x-amz-copy-source`, which MinIO takes unsigned (a store that answers uploads 403 "
        "needs `false`); unset: yes, but for AWS, which refuses it by itself.",
        default=None,
        parse=_flag,
    )
    cdn_url: str | None = setting(
        "The base URL under which a CDN serves the bucket of renditions; unset: the bucket's own address.",
        default=None,
        parse=_base_url,
    )
    private_renditions: bool = setting(
        "Whether the bucket of renditions is private: their URLs are signed then, and HLS playlists are shown by this "
        "server, which signs what is in them for each request.",
        default=False,
        parse=_flag,
    )
    server_url: str | None = setting(
        "This server's own base URL as browsers reach it, for players of private videos and for the documents.",
        default=None,
        parse=_base_url,
    )
    auth_jwt_secret: str | None = setting(
        "The secret that HS256 tokens are signed with, at least 32 bytes.", default=None, parse=_jwt_secret, secret=True
    )
    auth_jwks_url: str | None = setting(
        "Where the keys of RS256, ES256 and EdDSA tokens are published.", default=None, parse=_http_url
    )
    auth_introspection_url: str | None = setting(
        "Where the authorization server answers about tokens that are no JWTs (RFC 7662).",
        default=None,
        parse=_http_url,
    )
    auth_introspection_client_id: str | None = setting(
        "The client id by which this server is known there.", default=None, parse=_text
    )
    auth_introspection_client_secret: str | None = setting(
        "The secret of that client.", default=None, parse=_text, secret=True
    )
    auth_issuer: str | None = setting(
        "The `iss` that tokens must have; introspection may leave it out.", default=None, parse=_text
    )
    auth_audience: str | None = setting(
        "The `aud` that tokens must have; introspection may leave it out.", default=None, parse=_text
    )
    auth_cookie: str | None = setting(
        "The cookie that may hold the token instead of the Authorization header.", default=None, parse=_text
    )
    cors_origins: tuple[str, ...] = setting(
        "The web origins that may call from a browser, separated by commas. Where it is not set: for `mediarpc dev` "
        "those of any port of this machine, else none.",
        default=(),
        parse=_origins,
    )
    max_body_bytes: int = setting(
        "The largest request body that is parsed, in bytes.", default=1024 * 1024, parse=_number(1024, 64 * 1024**2)
    )
    max_connections: int = setting(
        "The most connections of one server process.", default=4096, parse=_number(16, 1_000_000)
    )
    max_connections_per_address: int = setting(
        "The most of them of one address, or of one IPv6 network of 64 bits; raise it where a proxy stands in front.",
        default=512,
        parse=_number(1, 1_000_000),
    )
    max_batch_calls: int = setting("The most calls in one batch.", default=100, parse=_number(1, 10_000))
    calls_per_caller: int = setting(
        "The most calls of one caller that a process works at; one more waits for its turn.",
        default=100,
        parse=_number(1, 10_000),
    )
    streams_per_caller: int = setting(
        "The most subscriptions of one caller that a process keeps open; one more is answered 1500.",
        default=50,
        parse=_number(1, 10_000),
    )
    rate_limits: RateLimits = setting(
        "How often a caller may call a procedure, as `procedure=calls/seconds`, separated by commas; `*` stands for "
        "every other procedure. `off` limits nothing. `mediarpc dev` lets uploads be begun 600 times a minute.",
        default=DEFAULT_LIMITS,
        parse=RateLimits.parse,
    )
    database_pool_size: int = setting(
        "The most database connections of one process, half of them for one caller; a worker has up to eight more, to "
        "hear of its jobs.",
        default=10,
        parse=_number(2, 1000),
    )
    upload_url_ttl_seconds: int = setting(
        "How long a signed upload URL is good for, in seconds.", default=900, parse=_number(1, 7 * 24 * 3600)
    )
    upload_grace_seconds: int = setting(
        "How much later bytes may still be arriving, in seconds: clock skew and slow clients.",
        default=60,
        parse=_number(0, 24 * 3600),
    )
    multipart_ttl_seconds: int = setting(
        "How long an upload in parts can be resumed after a part was signed last, in seconds.",
        default=24 * 3600,
        parse=_number(1, 30 * 24 * 3600),
    )
    complete_wait_seconds: int = setting(
        "How long a completion that names no `waitSeconds` waits until the media is ready or failed, in seconds.",
        default=0,
        parse=_number(0, MAX_WAIT_SECONDS),
    )
    content_idle_seconds: int = setting(
        "How long the server waits for the next bytes of a file that is sent through it, in seconds; one that comes "
        "slower than 1 KiB a second is given up.",
        default=60,
        parse=_number(1, 3600),
    )
    max_image_bytes: int = setting(
        "The largest image, in bytes or like `10MiB`.", default=10 * MIB, parse=_size(MAX_PUT_BYTES)
    )
    max_video_bytes: int = setting(
        "The largest video that is uploaded by one PUT.", default=100 * MIB, parse=_size(MAX_PUT_BYTES)
    )
    max_audio_bytes: int = setting("The largest audio file.", default=20 * MIB, parse=_size(MAX_PUT_BYTES))
    max_multipart_image_bytes: int | None = setting(
        "The largest image that comes in parts or through the server; unset, or less than that: `MAX_IMAGE_BYTES`.",
        default=None,
        parse=_size(MAX_MULTIPART_BYTES),
    )
    max_multipart_video_bytes: int = setting(
        "The largest video that does; `MAX_VIDEO_BYTES` when that is more.",
        default=500 * MIB,
        parse=_size(MAX_MULTIPART_BYTES),
    )
    max_multipart_audio_bytes: int | None = setting(
        "The largest audio file that does; unset, or less than that: `MAX_AUDIO_BYTES`.",
        default=None,
        parse=_size(MAX_MULTIPART_BYTES),
    )
    plans: PlanQuotas = setting(
        "The quotas of the plans, in bytes or like `10GiB`, separated by commas; those that are not named stay so.",
        default=PlanQuotas(),
        parse=PlanQuotas.parse,
    )
    count_renditions: bool = setting(
        "Whether renditions weigh on their owner's quota, as originals do.", default=False, parse=_flag
    )
    post_media_limit: int = setting("The most media of one post.", default=10, parse=_number(1, 1000))
    max_media_per_owner: int = setting(
        "The most media of one owner, whatever they weigh; those count that are deleted and not yet gone.",
        default=100_000,
        parse=_number(1, 1_000_000_000),
    )
    max_pending_uploads: int = setting(
        "The most of them that are uploads which are not completed.", default=10_000, parse=_number(1, 1_000_000_000)
    )
    failed_media_ttl_hours: int = setting(
        "How long a media is kept that failed and never was `ready`, for its owner to begin anew, in hours.",
        default=24,
        parse=_number(1, 24 * 365),
    )
    clamav_url: str | None = setting(
        "The clamd that has to find every file clean before anything of it is published, like `tcp://clamd:3310`; "
        "while it is away, files wait.",
        default=None,
        parse=_clamd_url,
    )
    quarantine_hours: int = setting(
        "How long a file that holds malware is kept, out of everybody's reach, in hours.",
        default=24,
        parse=_number(0, 24 * 365),
    )
    image_concurrency: int | None = setting(
        "How many images each worker processes at once; unset: one per core, as far as the memory of its cgroup, or of "
        "the machine, goes.",
        default=None,
        parse=_number(1, 64),
    )
    audio_concurrency: int = setting(
        "How many audio files each worker processes at once, and as many of ten minutes and more besides.",
        default=1,
        parse=_number(1, 64),
    )
    poster_concurrency: int = setting(
        "Of how many videos each worker makes the poster at once.", default=1, parse=_number(1, 64)
    )
    video_concurrency: int = setting("How many videos each worker encodes at once.", default=1, parse=_number(1, 64))
    keep_location: bool = setting(
        "Whether the place where a photo was taken is kept, in the database alone; no rendition ever holds it.",
        default=False,
        parse=_flag,
    )
    video_max_seconds: int = setting(
        "The longest video that is processed, in seconds.", default=180, parse=_number(1, 3600)
    )
    video_max_side: int = setting(
        "The largest video that is processed, in pixels of its longer side.", default=4096, parse=_number(16, 8192)
    )
    sweep_interval_seconds: int = setting(
        "How often each worker looks for uploads that nobody finished, and for what is kept no longer, in seconds.",
        default=60,
        parse=_number(1, 24 * 3600),
    )
    events_retention_days: int = setting(
        "How far back the log of events reaches, in days; for as long it is known what was deleted.",
        default=30,
        parse=_number(1, 36_500),
    )
    audit_retention_days: int = setting(
        "How far back the audit reaches, in days.", default=90, parse=_number(1, 36_500)
    )

    @property
    def path_style(self) -> bool:
        """Whether the bucket stands in the path, as told or as the endpoint suggests."""
        if self.s3_use_path_style is not None:
            return self.s3_use_path_style
        return not self.is_aws

    @property
    def refuses_copies(self) -> bool:
        """Whether signed URLs say that they are no copies."""
        return not self.is_aws if self.s3_refuse_copies is None else self.s3_refuse_copies

    @property
    def origin(self) -> str:
        """The URL under which this machine reaches the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - read, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def is_aws(self) -> bool:
        """Whether the store is AWS's own."""
        return self.s3_endpoint is None or str(urlsplit(self.s3_endpoint).hostname).endswith("amazonaws.com")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that the variables make; SettingsError names the first that cannot be used.

        An empty variable counts as unset.
        """
        values = {
            known.name: _parsed(known, environment[variable(known)])
            for known in fields(cls)
            if environment.get(variable(known))
        }
        settings = cls(**values)
        if settings.auth_cookie and "*" in settings.cors_origins:
            raise SettingsError("CORS_ORIGINS must name its origins when AUTH_COOKIE is set: * would let any site call")
        settings.check_introspection()
        return settings

    def check_renditions(self) -> None:
        """SettingsError when private renditions could not be reached, or could by everybody."""
        if self.private_renditions and self.cdn_url:
            raise SettingsError("CDN_URL must not be set when PRIVATE_RENDITIONS is: a CDN would serve everybody")
        if self.private_renditions and not self.server_url:
            raise SettingsError("SERVER_URL must be set when PRIVATE_RENDITIONS is: players fetch playlists below it")

    def check_introspection(self) -> None:
        """SettingsError when it could not be told how to authenticate to the authorization server."""
        if (self.auth_introspection_client_id is None) != (self.auth_introspection_client_secret is None):
            raise SettingsError(
                "AUTH_INTROSPECTION_CLIENT_ID and AUTH_INTROSPECTION_CLIENT_SECRET are set together or not at all"
            )
        if "@" in urlsplit(self.auth_introspection_url or "").netloc:
            raise SettingsError(
                "AUTH_INTROSPECTION_URL must hold no password: "
                "AUTH_INTROSPECTION_CLIENT_ID and AUTH_INTROSPECTION_CLIENT_SECRET are there for it"
            )

    def check_rate_limits(self, procedures: Collection[str]) -> None:
        """SettingsError when a procedure is limited that there is not."""
        try:
            self.rate_limits.require_known(procedures)
        except ValueError as error:
            raise SettingsError(f"RATE_LIMITS {error}") from None

    @property
    def has_verifier(self) -> bool:
        """Whether tokens can be verified."""
        return bool(self.auth_jwt_secret or self.auth_jwks_url or self.auth_introspection_url)

    def require(self, *names: str) -> None:
        """SettingsError unless each of these settings is set."""
        for name in names:
            if getattr(self, name) is None:
                raise SettingsError(f"{name.upper()} is not set. {self._sentence(name)}")

    def require_verifier(self) -> None:
        """SettingsError unless tokens can be verified."""
        if not self.has_verifier:
            raise SettingsError(
                "None of AUTH_JWT_SECRET, AUTH_JWKS_URL and AUTH_INTROSPECTION_URL is set: no caller could be verified"
            )

    def _sentence(self, name: str) -> str:
        return next(str(known.metadata["sentence"]) for known in fields(self) if known.name == name)


def variable(known: Field[Any]) -> str:
    """The environment variable of a settings field."""
    return known.name.upper()


def _parsed(known: Field[Any], value: str) -> Any:
    try:
        return known.metadata["parse"](value)
    except ValueError as error:
        shown = "" if known.metadata["secret"] else f", got {value!r}"
        raise SettingsError(f"{variable(known)} {error}{shown}") from None
