"""Large bodies through `/storage` and `/cdn`: streamed by a process whose memory stays flat, and never half stored."""

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from server.embedded import Secrets
from storage.presign import Presigner
from storage.s3 import StoreConfig
from tests import media_files
from tests.processes import Dev, running_dev, until

MIB = 1024 * 1024
CHUNK = bytes(range(256)) * (MIB // 256)
SIZE = 200 * MIB
LARGEST_GROWTH = 32 * MIB


@pytest.fixture(scope="module")
def dev(tmp_path_factory) -> Iterator[Dev]:
    """A dev process through which a small file has gone both ways already."""
    with running_dev(tmp_path_factory.mktemp("streams") / "data") as started:
        started.site.download(started.site.upload(media_files.photo()))
        yield started


@pytest.fixture(params=["storage", "cdn"])
def way_out(request) -> str:
    """Where bytes are read: with a signature from the private bucket, or by everybody from the public one."""
    return str(request.param)


@pytest.fixture
def bucket(request) -> str:
    """The private one, unless the test reads from the other."""
    return (
        "media-public" if "way_out" in request.fixturenames and request.getfixturevalue("way_out") == "cdn" else "media"
    )


@pytest.fixture
def presigner(dev, bucket) -> Presigner:
    """Signs with the keys of the dev folder, for its address."""
    made = Secrets.of(dev.data_dir)
    return Presigner(
        StoreConfig(
            endpoint=None,
            public_endpoint=f"{dev.site.origin}/storage",
            region="us-east-1",
            bucket=bucket,
            public_bucket="media-public",
            access_key_id=made.s3_access_key_id,
            secret_access_key=made.s3_secret_access_key,
            use_path_style=True,
        )
    )


@pytest.fixture
def signed_put(presigner):
    """The URL and headers of a PUT of so many bytes."""

    def sign(key: str, size: int):
        return presigner.put(
            key, size_bytes=size, content_type="video/mp4", sha256=None, now=datetime.now(UTC), ttl_seconds=600
        )

    return sign


@pytest.fixture
def url_of(dev, way_out, presigner):
    """Where an object is read."""

    def url(key: str) -> str:
        if way_out == "cdn":
            return f"{dev.site.origin}/cdn/{key}"
        return str(presigner.get(key, filename=key, content_type="video/mp4", now=datetime.now(UTC), ttl_seconds=600))

    return url


class Memory:
    """What a process holds, and the most that it was seen to hold."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.before = self.most = self._process.memory_info().rss

    def look(self) -> None:
        self.most = max(self.most, self._process.memory_info().rss)

    @property
    def growth(self) -> int:
        return self.most - self.before


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def put_that_stops_halfway(url: str, headers: dict[str, str]) -> Iterator[socket.socket]:
    """A connection on which half of a declared MiB has been sent."""
    target = urlsplit(url)
    told = {"host": target.netloc, "content-length": str(MIB), **headers}
    head = f"PUT {target.path}?{target.query} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in told.items())
    with socket.create_connection((target.hostname, target.port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + CHUNK[: MIB // 2])
        yield connection


def test_memory_stays_flat_while_200_mib_go_up_and_down(dev, signed_put, url_of):
    """The process holds a few chunks of a body, never the body; all bytes arrive."""
    key, sent, received = "large.mp4", hashlib.sha256(), hashlib.sha256()
    url, headers = signed_put(key, SIZE)

    up = Memory(dev.running.pid)

    def body() -> Iterator[bytes]:
        for number in range(SIZE // MIB):
            chunk = number.to_bytes(4, "big") + CHUNK[4:]
            sent.update(chunk)
            up.look()
            yield chunk

    answer = httpx.put(url, content=body(), headers={**headers, "content-length": str(SIZE)}, timeout=120)
    assert answer.status_code == 200
    up.look()

    down = Memory(dev.running.pid)
    with httpx.stream("GET", url_of(key), timeout=120) as stream:
        for chunk in stream.iter_bytes(MIB):
            received.update(chunk)
            down.look()

    print(f"growth in MiB: up {up.growth / MIB:.1f}, down {down.growth / MIB:.1f}")
    assert received.hexdigest() == sent.hexdigest()
    assert up.growth < LARGEST_GROWTH
    assert down.growth < LARGEST_GROWTH


def test_a_slow_reader_does_not_fill_the_memory(dev, signed_put, url_of):
    """What the client does not take stays in the store."""
    url, headers = signed_put("slow.mp4", 64 * MIB)
    httpx.put(url, content=CHUNK * 64, headers=headers, timeout=60).raise_for_status()
    memory = Memory(dev.running.pid)
    with httpx.stream("GET", url_of("slow.mp4"), timeout=60) as stream:
        next(stream.iter_bytes(MIB))
        for _ in range(50):
            assert httpx.get(f"{dev.site.origin}/healthz", timeout=30).status_code == 200
            memory.look()
    assert memory.growth < LARGEST_GROWTH


def test_a_client_that_breaks_off_leaves_no_object(dev, signed_put):
    """Half a body is neither stored nor kept."""
    bucket = dev.data_dir / "s3" / "media"
    before = files_under(bucket)
    key = "broken/off.mp4"
    url, headers = signed_put(key, MIB)
    with put_that_stops_halfway(url, headers):
        until(lambda: len(files_under(bucket)) > len(before))
    until(lambda: files_under(bucket) == before)
    assert not (bucket / key).exists()
    whole = httpx.put(url, content=CHUNK, headers=headers, timeout=30)
    assert (whole.status_code, (bucket / key).read_bytes() == CHUNK) == (200, True)
