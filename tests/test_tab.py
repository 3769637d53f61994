"""Sound and video in a tab of their own: a browser plays what the embedded store's routes serve, under their policy."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import imageio_ffmpeg
import pytest
from starlette.applications import Starlette

from server.cdn import cdn_beside
from server.storage_proxy import storage_routes
from storage.presign import Presigner
from storage.s3 import create_client
from tests.node import PACKAGE, node_with_packages
from tests.on_a_socket import free_listener, origin_of, served_on
from tests.web_app import SOURCES

pytestmark = pytest.mark.embedded

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
TYPES = {"film.webm": "video/webm", "sound.mp3": "audio/mpeg", "sound.wav": "audio/wav"}
SOURCE = {
    "film.webm": ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2", "-c:v", "libvpx", "-b:v", "100k"],
    "sound.mp3": ["-f", "lavfi", "-i", "sine=duration=2"],
    "sound.wav": ["-f", "lavfi", "-i", "sine=duration=2"],
}


def bytes_of(name: str, folder: Path) -> bytes:
    """Two seconds of video or sound."""
    subprocess.run([FFMPEG, "-v", "error", *SOURCE[name], folder / name], check=True)
    return (folder / name).read_bytes()


@pytest.fixture
async def urls(servers, tmp_path) -> AsyncIterator[list[str]]:
    """Each file by its public URL, and by a signed one that shows it in place."""
    store = next(store for store in servers.stores if store.name == "embedded")
    with free_listener() as listener:
        origin = origin_of(listener)
        config = store.config(f"tab-{uuid4().hex[:20]}", f"{origin}/storage")
        s3 = create_client(config, config.endpoint)
        for bucket in (config.bucket, config.public_bucket):
            s3.create_bucket(Bucket=bucket)
            for name in TYPES:
                s3.put_object(Bucket=bucket, Key=name, Body=bytes_of(name, tmp_path))
                (tmp_path / name).unlink()
        s3.close()
        async with storage_routes(store.endpoint, config.bucket) as routes:
            beside = cdn_beside(Starlette(routes=routes), replace(config, public_endpoint=None))
            async with beside as app, served_on(listener, app):
                yield [*(f"{origin}/cdn/{name}" for name in ("film.webm", "sound.mp3")), *inline(Presigner(config))]


def inline(presigner: Presigner) -> list[str]:
    now = datetime.now(UTC)
    return [
        presigner.get(name, filename=name, content_type=content_type, now=now, ttl_seconds=60, inline=True)
        for name, content_type in TYPES.items()
    ]


@pytest.fixture(scope="module")
def open_tabs(browser, tmp_path_factory):
    """What each URL plays in a tab of its own."""
    node, folder = node_with_packages(), tmp_path_factory.mktemp("tabs")
    shutil.copy2(SOURCES / "tab.mjs", folder)
    (folder / "node_modules").symlink_to(PACKAGE / "node_modules")

    def run(urls: list[str]) -> list[dict[str, object]]:
        ran = node.run("node", "tab.mjs", json.dumps({"browser": browser, "urls": urls}), cwd=folder)
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
        return [json.loads(line) for line in ran.stdout.splitlines()]

    return run


async def test_sound_and_video_play_in_a_tab(subtests, urls, open_tabs):
    """Public and signed ones alike; the browser complains of nothing."""
    told = await asyncio.to_thread(open_tabs, urls)
    assert len(told) == len(urls)
    for url, tab in zip(urls, told, strict=True):
        with subtests.test(url=url.partition("?")[0]):
            assert (tab["error"], tab["complaints"]) == (None, [])
            assert tab["seconds"] == pytest.approx(2, abs=0.1)
