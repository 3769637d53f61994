"""The ASGI application, as data: routes, middleware, and what they are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route

from rpc import openapi
from rpc.auth import AuthConfig, Authenticator
from rpc.body import Bodies
from rpc.concurrency import ConcurrencyLimits
from rpc.context import Resources
from rpc.dispatch import Dispatcher
from rpc.document import file_of
from rpc.endpoint import Endpoint
from rpc.health import Health
from rpc.misplaced import Misplaced
from rpc.no_store import NoStore
from rpc.openrpc import describe, discovery
from rpc.origin import Origins
from rpc.procedure import Procedure
from rpc.refused_origins import RefusedOrigins
from rpc.trpc.endpoint import Trpc
from rpc.welcome import welcome

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class BelowConvertor(PathConvertor):
    """Whatever stands below a path, line breaks included."""

    regex = "(?s:.*)"


register_url_convertor("below", BelowConvertor())


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """What the HTTP side of the application can be told."""

    auth: AuthConfig
    rpc_path: str = "/rpc"
    origin: str = "http://127.0.0.1:8000"
    server_url: str | None = None
    cors_origins: tuple[str, ...] = ()
    cors_origin_regex: str | None = None
    max_body_bytes: int = 1024 * 1024
    max_batch_calls: int = 100
    calls_per_caller: int = 100
    streams_per_caller: int = 50
    content_idle_seconds: float = 60


def create_app(
    resources: Resources, procedures: Iterable[Procedure], config: AppConfig, *, routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application over open resources; `routes` come beside its own."""
    table = {procedure.name: procedure for procedure in procedures}
    described = tuple(table.values()), (config.server_url or config.origin) + config.rpc_path
    document = describe(*described)
    discover = discovery(document)
    concurrency = ConcurrencyLimits(calls=config.calls_per_caller, streams=config.streams_per_caller)
    dispatcher = Dispatcher({**table, discover.name: discover}, resources, concurrency, rpc_path=config.rpc_path)
    origins = Origins(config.cors_origins, config.cors_origin_regex)
    authenticator = Authenticator(config.auth, introspection=resources.introspection, origins=origins)
    bodies = Bodies(max_bytes=config.max_body_bytes)
    endpoint = Endpoint(dispatcher, authenticator, concurrency, bodies=bodies, max_batch_calls=config.max_batch_calls)
    misplaced = Misplaced(table, config.rpc_path, bodies=bodies)
    trpc = Trpc(
        dispatcher,
        authenticator,
        concurrency,
        misplaced,
        bodies=bodies,
        max_batch_calls=config.max_batch_calls,
        content_idle_seconds=config.content_idle_seconds,
    )
    health = Health(resources)
    no_store = [Middleware(NoStore)]
    return Starlette(
        routes=[
            Route(config.rpc_path, endpoint.__call__, methods=METHODS, middleware=no_store),
            Route(config.rpc_path + "/{path:below}", trpc.__call__, methods=METHODS, middleware=no_store),
            Route("/", welcome(config.rpc_path, config.server_url)),
            Route("/openrpc.json", file_of(document.at, config.rpc_path, config.server_url)),
            Route("/openapi.json", file_of(openapi.describe(*described).at, config.rpc_path, config.server_url)),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
            *routes,
        ],
        middleware=[Middleware(RefusedOrigins, origins), *_cors(config)],
        exception_handlers={HTTPStatus.NOT_FOUND: misplaced.__call__},
    )


def _cors(config: AppConfig) -> list[Middleware]:
    """What lets the pages of other origins read the answers, if any may."""
    if not config.cors_origins and not config.cors_origin_regex:
        return []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=config.cors_origins,
        allow_origin_regex=config.cors_origin_regex,
        allow_credentials=config.auth.cookie is not None,
        allow_methods=METHODS,
        allow_headers=["*"],
        expose_headers=["etag", "retry-after"],
        max_age=3600,
    )
    return [cors]
