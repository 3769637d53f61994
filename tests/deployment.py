"""`mediarpc serve` and `mediarpc worker` over a database and buckets of their own, as they run in production."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpc.limits import RateLimits
from server.embedded import free_port
from server.resources import open_resources
from server.settings import Settings
from server.token import sign_token
from storage.s3 import create_client
from tests.databases import drift, new_database
from tests.fork import fork
from tests.processes import Dev, Running, Site, running_dev
from tests.services import Servers, Store

SECRET = "a secret for tests, long enough for HS256"
COOKIE = "session"
APP = "https://app.example.com"
# What no other test of these servers is refused for.
RATE_LIMITS = "media.getDownloadUrl=1/3600"


def new_settings(database_url: str, store: Store) -> Settings:
    """Settings over a database and buckets that nobody has used."""
    bucket = f"test-{uuid.uuid4().hex[:20]}"
    return Settings(
        database_url=database_url,
        s3_endpoint=store.endpoint,
        s3_access_key_id=store.access_key_id,
        s3_secret_access_key=store.secret_access_key,
        s3_use_path_style=True,
        s3_bucket=bucket,
        s3_public_bucket=f"{bucket}-public",
        auth_jwt_secret=SECRET,
        rate_limits=RateLimits(),
    )


def variables_of(settings: Settings) -> dict[str, str]:
    """The variables that name the database, store and secret of settings, and a free port."""
    return {
        "PORT": str(free_port()),
        "DATABASE_URL": settings.database_url or "",
        "S3_ENDPOINT": settings.s3_endpoint or "",
        "S3_ACCESS_KEY_ID": settings.s3_access_key_id or "",
        "S3_SECRET_ACCESS_KEY": settings.s3_secret_access_key or "",
        "S3_USE_PATH_STYLE": "true",
        "S3_BUCKET": settings.s3_bucket,
        "S3_PUBLIC_BUCKET": settings.s3_public_bucket,
        "AUTH_JWT_SECRET": SECRET,
    }


@dataclass(frozen=True)
class Served:
    """A `mediarpc serve` that listens."""

    running: Running
    origin: str

    @property
    def url(self) -> str:
        """Where the endpoint is, unless its path was changed."""
        return f"{self.origin}/rpc"

    def logged(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """The lines of the log about an event, those that have these facts."""
        lines = [json.loads(line) for line in self.running.output.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event and facts.items() <= line.items()]


@dataclass(frozen=True)
class Deployment:
    """One server, and all that others need to stand beside it."""

    settings: Settings
    variables: dict[str, str]
    folder: Path
    served: Served

    def token(self, user: str) -> str:
        """What a user calls with."""
        return sign_token(self.settings, user=user)

    def site(self, user: str) -> Site:
        """The server, as a user calls it."""
        return Site(self.served.origin, self.token(user))

    @contextmanager
    def another_server(self, **variables: str) -> Iterator[Served]:
        """One more server over the same database and buckets, on the port that is named or on a free one."""
        with serving(self.folder, **{**self.variables, "PORT": str(free_port()), **variables}) as served:
            yield served


@contextmanager
def deployed(servers: Servers, folder: Path) -> Iterator[Deployment]:
    """Start a server and a worker; in the end no usage may have drifted."""
    with new_database(servers) as database_url:
        settings = new_settings(database_url, servers.stores[0])
        asyncio.run(_create_buckets(settings))
        variables = {
            **variables_of(settings),
            "AUTH_COOKIE": COOKIE,
            "CORS_ORIGINS": APP,
            "RATE_LIMITS": RATE_LIMITS,
        }
        with fork(folder, "worker", **variables), serving(folder, **variables) as served:
            yield Deployment(settings, variables, folder, served)
        assert drift(database_url) == []


@contextmanager
def developing(servers: Servers, folder: Path, **more: str) -> Iterator[Dev]:
    """Start `mediarpc dev`: with a store of its own under its origin, or with one that browsers reach themselves."""
    store = servers.stores[0]
    with new_database(servers) as database_url:
        settings = new_settings(database_url, store)
        variables = variables_of(settings)
        own = {"PORT", *(name for name in variables if store.name == "embedded" and name.startswith("S3_"))}
        named: dict[str, Any] = {name: value for name, value in variables.items() if name not in own} | more
        with running_dev(folder / "data", **named) as started:
            if store.name != "embedded" and "PRIVATE_RENDITIONS" not in more:
                with closing(create_client(store.config(settings.s3_public_bucket), store.endpoint)) as client:
                    let_everybody_read(client, settings.s3_public_bucket)
            yield started


def let_everybody_read(client: Any, bucket: str) -> None:
    """Make a bucket public, as its operator would."""
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody]}))


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[Served]:
    """Start a server and wait until it listens."""
    with fork(folder, "serve", **variables) as serve:
        serve.wait_for("mediarpc serves on")
        yield Served(serve, f"http://127.0.0.1:{variables['PORT']}")


async def _create_buckets(settings: Settings) -> None:
    async with open_resources(settings) as resources:
        await resources.store.create_buckets()
