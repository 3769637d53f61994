"""The ASGI application, as data: routes, middleware, and what they are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route

from rpc.auth import AuthConfig, Authenticator
from rpc.context import Resources
from rpc.dispatch import Dispatcher
from rpc.endpoint import Endpoint
from rpc.health import Health
from rpc.origin import Origins
from rpc.procedure import Procedure

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """What the HTTP side of the application can be told."""

    auth: AuthConfig
    cors_origins: tuple[str, ...] = ()
    cors_origin_regex: str | None = None
    max_body_bytes: int = 1024 * 1024
    max_batch_calls: int = 100


def create_app(
    resources: Resources, procedures: Iterable[Procedure], config: AppConfig, *, routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application over open resources; `routes` come beside its own."""
    dispatcher = Dispatcher({procedure.name: procedure for procedure in procedures}, resources)
    endpoint = Endpoint(
        dispatcher,
        Authenticator(
            config.auth,
            introspection=resources.introspection,
            origins=Origins(config.cors_origins, config.cors_origin_regex),
        ),
        max_body_bytes=config.max_body_bytes,
        max_batch_calls=config.max_batch_calls,
    )
    health = Health(resources)
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
    return Starlette(
        routes=[
            Route("/rpc", endpoint.__call__, methods=METHODS),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
            *routes,
        ],
        middleware=[cors] if config.cors_origins or config.cors_origin_regex else [],
    )
