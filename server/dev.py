"""`mediarpc dev`: everything in one command, with real servers for whatever the environment does not name."""

import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path

from procedures import PROCEDURES
from rpc.app import create_app
from rpc.limits import DEV_LIMITS
from server import cdn, storage_proxy
from server.cdn import cdn_beside
from server.data_dir import explained, locked
from server.embedded import Secrets
from server.embedded_postgres import postgres
from server.embedded_s3 import s3
from server.http import STOP_SIGNALS, listen, run, run_until_stopped, serve_http
from server.playlists import playlist_routes
from server.resources import app_config, connection_limits, open_resources, store_config
from server.settings import Settings
from server.storage_proxy import storage_routes
from server.token import sign_token
from server.token_policy import TokenPolicy
from server.work import work
from sql.migrate import migrate

# In development a web app runs on a port of its own.
LOCAL_ORIGINS = r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


def dev(environment: Mapping[str, str]) -> None:
    """Start what is missing, migrate, serve and work, until Ctrl-C or SIGTERM; then stop what was started."""
    began = time.monotonic()
    environment = {**environment, "RATE_LIMITS": environment.get("RATE_LIMITS") or str(DEV_LIMITS)}
    asked = Settings.from_environment(environment)
    asked.check_rate_limits([procedure.name for procedure in PROCEDURES])
    listener = listen(asked.host, asked.port)
    with ended_by_signals(), ExitStack() as stack:
        with explained(Path(asked.data_dir)):
            data_dir = stack.enter_context(locked(Path(asked.data_dir)))
            settings = start_missing(stack, environment, asked, data_dir)
            settings.require("database_url")
            assert settings.database_url
            migrate(settings.database_url)
        embedded_s3 = settings.s3_endpoint if asked.s3_endpoint is None else None
        run(_run(settings, listener, embedded_s3, began))
        print(f"\nmediarpc stops; the data stays in {asked.data_dir}/", flush=True)


def start_missing(stack: ExitStack, environment: Mapping[str, str], asked: Settings, data_dir: Path) -> Settings:
    """Start an embedded server for each that the environment does not name; the settings that reach them all."""
    secrets = Secrets.of(data_dir)
    TokenPolicy.of(asked).publish(data_dir)
    found = {"SERVER_URL": asked.server_url or asked.origin}
    if not asked.has_verifier:
        found["AUTH_JWT_SECRET"] = secrets.jwt_secret
    if asked.database_url is None:
        found["DATABASE_URL"] = stack.enter_context(postgres(data_dir / "postgres"))
    if asked.s3_endpoint is None:
        found["S3_ENDPOINT"] = stack.enter_context(s3(data_dir / "s3", secrets))
        found["S3_PUBLIC_ENDPOINT"] = asked.s3_public_endpoint or asked.origin + storage_proxy.PREFIX
        if not asked.private_renditions:
            found["CDN_URL"] = asked.cdn_url or asked.origin + cdn.PREFIX
        found["S3_ACCESS_KEY_ID"] = secrets.s3_access_key_id
        found["S3_SECRET_ACCESS_KEY"] = secrets.s3_secret_access_key
        found["S3_USE_PATH_STYLE"] = "true"
    return Settings.from_environment({**environment, **found})


async def _run(settings: Settings, listener: socket.socket, embedded_s3: str | None, began: float) -> None:
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings))
        with explained(Path(settings.data_dir)):
            await resources.store.create_buckets()
        buckets = (settings.s3_bucket, settings.s3_public_bucket)
        routes = await stack.enter_async_context(storage_routes(embedded_s3, *buckets)) if embedded_s3 else []
        config = app_config(settings, cors_origin_regex=LOCAL_ORIGINS, explains_faults=True)
        app = create_app(resources, PROCEDURES, config, routes=[*routes, *playlist_routes(resources)])
        shows_all = embedded_s3 and not settings.private_renditions
        served = await stack.enter_async_context(cdn_beside(app, store_config(settings))) if shows_all else app
        await run_until_stopped(
            serve_http(served, listener, connection_limits(settings), before_draining=resources.notifier.close),
            work(resources, settings),
            ready=lambda: greet(settings, time.monotonic() - began),
        )


def greet(settings: Settings, seconds: float) -> None:
    """Say where the server is, and how to upload a first file."""
    print(f"mediarpc is ready at {settings.origin} after {seconds:.1f} s; data in {settings.data_dir}/")
    if settings.auth_jwt_secret:
        token = sign_token(settings, user="ada")
        print("\nA first upload, to copy and paste into another terminal (the token is good for a day):\n")
        print(f"TOKEN={token}\n{first_upload(settings)}")
    print("Ctrl-C stops everything.", flush=True)


def first_upload(settings: Settings) -> str:
    """The README's first upload, against this server."""
    script = files("server").joinpath("first_upload.sh").read_text(encoding="utf-8")
    return script.replace("http://127.0.0.1:${PORT:-8000}/rpc", settings.origin + settings.rpc_path)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let every signal to stop unwind the process, so that everything started is stopped."""

    def unwind(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, unwind)
    yield
