"""Open what a process works with, and close it again."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.ceilings import Ceilings
from contracts.formats import MediaType
from rpc.app import AppConfig
from rpc.auth import AuthConfig
from rpc.context import OwnerLimits, Resources, UploadPolicy
from server.connections import ConnectionLimits
from server.settings import Settings
from sql.database import Database
from sql.notifier import Notifier
from sql.pool import create_pool
from storage.addresses import Addresses, PublicAddresses, SignedAddresses
from storage.presign import Presigner
from storage.s3 import ObjectStore, StoreConfig

if TYPE_CHECKING:
    from rpc.introspection import Introspection

# What a process cannot do without.
REQUIRED = ("database_url", "s3_access_key_id", "s3_secret_access_key")

LAST_ANSWER_SECONDS = 5.0  # how long the database may take for each answer when the process is about to end


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """The resources that settings name; the pool connects in the background, so a process starts in an outage too."""
    settings.require(*REQUIRED)
    assert settings.database_url
    pool = create_pool(settings.database_url, size=settings.database_pool_size)
    config = store_config(settings)
    store, presigner = ObjectStore(config), Presigner(config)
    notifier = Notifier(settings.database_url)
    await pool.open(wait=False)
    try:
        async with introspecting(settings) as introspection:
            yield Resources(
                db=Database(pool),
                store=store,
                presigner=presigner,
                scans=settings.clamav_url is not None,
                renditions_count=settings.count_renditions,
                addresses=addresses_of(settings, presigner),
                uploads=UploadPolicy(
                    url_ttl_seconds=settings.upload_url_ttl_seconds,
                    grace_seconds=settings.upload_grace_seconds,
                    multipart_ttl_seconds=settings.multipart_ttl_seconds,
                    complete_wait_seconds=settings.complete_wait_seconds,
                ),
                owner_limits=OwnerLimits(
                    media=settings.max_media_per_owner, pending_uploads=settings.max_pending_uploads
                ),
                ceilings=ceilings_of(settings),
                plans=settings.plans,
                post_media_limit=settings.post_media_limit,
                limits=settings.rate_limits,
                notifier=notifier,
                introspection=introspection,
            )
    finally:
        await notifier.aclose()
        await pool.close()
        store.close()


def wind_down(resources: Resources) -> None:
    """Let calls end soon: whoever waits for events is sent home, and nobody waits long for the database."""
    resources.notifier.close()
    resources.db.pool.hurry(LAST_ANSWER_SECONDS)


def addresses_of(settings: Settings, presigner: Presigner) -> Addresses:
    """How callers reach renditions."""
    settings.check_renditions()
    if not settings.private_renditions:
        return PublicAddresses(settings.cdn_url or presigner.public_url)
    assert settings.server_url
    assert settings.s3_secret_access_key
    config = store_config(settings)
    signer = Presigner(replace(config, bucket=config.public_bucket))
    return SignedAddresses(signer, settings.server_url, settings.s3_secret_access_key)


def ceilings_of(settings: Settings) -> Ceilings:
    """How large a file of each kind may be."""
    image, video, audio = settings.max_image_bytes, settings.max_video_bytes, settings.max_audio_bytes
    return Ceilings(
        put={MediaType.IMAGE: image, MediaType.VIDEO: video, MediaType.AUDIO: audio},
        multipart={
            MediaType.IMAGE: settings.max_multipart_image_bytes or image,
            MediaType.VIDEO: settings.max_multipart_video_bytes,
            MediaType.AUDIO: settings.max_multipart_audio_bytes or audio,
        },
    )


def introspecting(settings: Settings) -> "AbstractAsyncContextManager[Introspection | None]":
    """The way to the authorization server that settings name, None when they name none."""
    if settings.auth_introspection_url is None:
        return nullcontext()
    from rpc.introspection import open_introspection  # noqa: PLC0415 - few need its HTTP client

    return open_introspection(
        settings.auth_introspection_url,
        settings.auth_introspection_client_id,
        settings.auth_introspection_client_secret,
    )


def store_config(settings: Settings) -> StoreConfig:
    """How to reach the store that settings name."""
    assert settings.s3_access_key_id
    assert settings.s3_secret_access_key
    return StoreConfig(
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        region=settings.s3_region,
        bucket=settings.s3_bucket,
        public_bucket=settings.s3_public_bucket,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
        use_path_style=settings.path_style,
        refuses_copies=settings.refuses_copies,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """The connections that settings allow a process."""
    return ConnectionLimits(in_all=settings.max_connections, of_each=settings.max_connections_per_address)


def app_config(settings: Settings, *, cors_origin_regex: str | None = None, explains_faults: bool = False) -> AppConfig:
    """The HTTP side of settings."""
    return AppConfig(
        auth=AuthConfig(
            jwt_secret=settings.auth_jwt_secret,
            jwks_url=settings.auth_jwks_url,
            issuer=settings.auth_issuer,
            audience=settings.auth_audience,
            cookie=settings.auth_cookie,
            explains_faults=explains_faults,
        ),
        rpc_path=settings.rpc_path,
        origin=settings.origin,
        server_url=settings.server_url,
        cors_origins=settings.cors_origins,
        cors_origin_regex=None if settings.cors_origins else cors_origin_regex,
        max_body_bytes=settings.max_body_bytes,
        max_batch_calls=settings.max_batch_calls,
        calls_per_caller=settings.calls_per_caller,
        streams_per_caller=settings.streams_per_caller,
        content_idle_seconds=settings.content_idle_seconds,
    )
