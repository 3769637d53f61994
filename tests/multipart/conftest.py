"""An open upload in a fresh bucket of every S3 server at hand."""

import io
import uuid
from datetime import UTC, datetime

import pytest

from storage.presign import Presigner
from storage.s3 import ObjectStore, StoreConfig
from tests.multipart.bodies import FIRST, KEY, LAST
from tests.services import Servers, every_store


@pytest.fixture(params=every_store())
def config(request, servers: Servers) -> StoreConfig:
    """A fresh bucket of one server."""
    for server in servers.stores:
        if server.name == request.param:
            return server.config(f"multipart-{uuid.uuid4().hex[:20]}")
    pytest.skip(servers.missing[request.param])


@pytest.fixture
def embedded(request) -> bool:
    """Whether the server is the embedded one."""
    return bool(request.node.callspec.params["config"] == "embedded")


@pytest.fixture
async def store(config):
    opened = ObjectStore(config)
    await opened.create_buckets()
    yield opened
    opened.close()


@pytest.fixture
async def upload_id(store):
    """An open upload for KEY."""
    return await store.multipart.begin(KEY, content_type="video/mp4", token="t-1")


@pytest.fixture
def write(store, upload_id):
    """Send bytes as a part, from this side."""

    async def send(number: int, body: bytes) -> None:
        await store.multipart.write_part(KEY, upload_id, number, io.BytesIO(body), len(body))

    return send


@pytest.fixture
async def parts(store, upload_id, write):
    """FIRST and LAST, as the store lists them."""
    await write(1, FIRST)
    await write(2, LAST)
    return await store.multipart.parts(KEY, upload_id)


@pytest.fixture
def signed(config, upload_id):
    """The URL and headers of the PUT of a part."""
    presigner = Presigner(config)

    def sign(number: int, size_bytes: int, *, sha256: str | None = None) -> tuple[str, dict[str, str]]:
        return presigner.part(
            KEY,
            upload_id=upload_id,
            number=number,
            size_bytes=size_bytes,
            sha256=sha256,
            now=datetime.now(UTC),
            ttl_seconds=60,
        )

    return sign
