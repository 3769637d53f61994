"""A bucket of renditions that is private: every URL is signed, and a player finds its way without a cookie."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from urllib.parse import urljoin, urlsplit
from uuid import UUID, uuid4

import httpx
import m3u8
import pytest

from procedures import PROCEDURES
from rpc.app import create_app
from server.doctor import examine
from server.playlists import playlist_routes
from server.resources import app_config, open_resources
from server.settings import Settings, SettingsError
from tests.deployment import new_settings
from tests.videos import clip

SERVER = "http://media.example.com"
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings(database_url, store_server) -> Settings:
    return replace(new_settings(database_url, store_server), private_renditions=True, server_url=SERVER)


@pytest.fixture
async def player(resources, settings):
    """A client that knows nothing but URLs."""
    app = create_app(resources, PROCEDURES, app_config(settings), routes=playlist_routes(resources))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        yield client


@pytest.fixture
def video_media(ready_media):
    """A video of two qualities that is ready."""

    async def make():
        return await ready_media(clip("mp4", 5.0, (1280, 720)), filename="walk.mp4", contentType="video/mp4")

    return make


async def test_every_rendition_is_read_by_its_signed_url_alone(video_media, client):
    media = await video_media()

    assert [made.name for made in media.renditions][-2:] == ["mp4-360p", "mp4-720p"]
    for made in media.renditions:
        answer = await client.get(made.url)
        assert (answer.status_code, len(answer.content)) == (200, made.size)
        assert answer.headers["content-type"] == made.mime_type
        assert (await client.get(made.url.partition("?")[0])).status_code in {400, 403}


async def test_a_player_needs_no_cookie(video_media, player, client, resources):
    """From the first playlist to the last segment; what it gets is what stands in storage."""
    media = await video_media()
    answer = await player.get(media.hls_url)
    assert answer.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert re.fullmatch("private, max-age=[0-9]{1,4}", answer.headers["cache-control"])

    qualities = m3u8.loads(answer.text).playlists
    assert [quality.stream_info.resolution for quality in qualities] == [(640, 360), (1280, 720)]
    for quality in qualities:
        shown = m3u8.loads((await player.get(urljoin(media.hls_url, quality.uri))).text)
        assert [segment.duration for segment in shown.segments] == [4.0, 1.0]
        for part in (*shown.segment_map, *shown.segments):
            body = (await client.get(part.uri)).raise_for_status().content
            key = urlsplit(part.uri).path.partition("-public/")[2]
            assert body == await resources.store.public.read(key, 0, len(body) + 1)


async def test_a_url_is_the_same_within_an_hour(video_media, call):
    media = await video_media()

    async def told(timestamp):
        shown = (await call("media.getMedia", mediaId=str(media.id), now=timestamp)).media
        return [shown.hls_url, shown.thumbnail_url, shown.url]

    first = await told(NOON)
    assert await told(NOON + timedelta(minutes=59)) == first
    assert set(await told(NOON + timedelta(minutes=60))).isdisjoint(first)


@pytest.mark.parametrize(("after_noon", "seconds"), [(0, 3600), (1, 3599), (3599, 1), (3600, 3600)])
def test_a_copy_of_a_playlist_is_kept_for_as_long_as_its_urls_are_told(resources, after_noon, seconds):
    """So that none of them ends sooner than an hour after it was last shown."""
    assert resources.addresses.seconds_left(NOON + timedelta(seconds=after_noon)) == seconds


async def test_a_token_opens_one_media_for_a_while(video_media, player, resources):
    media = await video_media()
    key = media.hls_url.split("/", 5)[-1]
    other = resources.addresses.of_playlist(uuid4(), f"{media.id}/{key}", datetime.now(UTC))
    ended = resources.addresses.of_playlist(media.id, f"{media.id}/{key}", datetime.now(UTC) - timedelta(hours=2))
    token = media.hls_url.split("/")[4]

    assert (await player.get(ended)).status_code == 403
    assert (await player.get(media.hls_url.replace(token, token[:-2] + "xx"))).status_code == 403
    assert (await player.get(media.hls_url.replace(token, "x"))).status_code == 403
    assert (await player.get(f"{SERVER}/hls/{other.split('/')[4]}/{key}")).status_code == 404


NO_PLAYLISTS = (
    *("hls.m3u8", "0a1b2c3d/hls.m3u8", "0a1b2c3d/thumb150.webp", "../x/hls.m3u8"),
    *("0a1b2c3d/..%2fhls.m3u8", "0a1b2c3d/"),
)


async def test_what_is_no_playlist_is_not_found(video_media, player, subtests):
    media = await video_media()
    base = "/".join(media.hls_url.split("/")[:5])

    for path in NO_PLAYLISTS:
        with subtests.test(path=path):
            answer = await player.get(f"{base}/{path}")
            assert (answer.status_code, "signature" in answer.text.lower()) == (404, False)


MEDIA_PLAYLIST = (
    '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI="a-init.mp4"\n#EXTINF:4,\na-00000.m4s\n#EXT-X-ENDLIST\n'
)


@pytest.fixture
def answered(player, resources):
    """The status of the answer to who asks for a playlist of these bytes."""

    async def ask(body: bytes) -> int:
        media_id = uuid4()
        key = f"{media_id}/0a1b2c3d/hls-360p.m3u8"
        put_object = resources.store._client.put_object
        await asyncio.to_thread(put_object, Bucket=resources.store.public.name, Key=key, Body=body)
        answer = await player.get(resources.addresses.of_playlist(media_id, key, datetime.now(UTC)))
        status: int = answer.status_code
        return status

    return ask


ELSEWHERE = ["../11111111/full.webp", "https://example.com/a.m4s", "/etc/passwd", "a/b.m4s", "%2e%2e/b"]


async def test_nothing_is_signed_that_does_not_stand_beside_its_playlist(subtests, answered):
    """What wrote it has read a stranger's bytes."""
    assert await answered(MEDIA_PLAYLIST.encode()) == 200
    for named, instead_of in product(ELSEWHERE, ("a-init.mp4", "a-00000.m4s")):
        with subtests.test(named=named, instead_of=instead_of):
            assert await answered(MEDIA_PLAYLIST.replace(instead_of, named).encode()) == 404


LEADING_ELSEWHERE = [
    '#EXT-X-KEY:METHOD=AES-128,URI="https://example.com/"',
    '#EXT-X-SESSION-DATA:DATA-ID="a",URI="https://example.com/"',
    '#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-01T00:00:00Z",X-ASSET-URI="https://example.com/"',
    '#EXT-X-PART:DURATION=1,URI="https://example.com/"',
    ' #EXT-X-PRELOAD-HINT:TYPE=PART,URI="https://example.com/"',
    "#EXT-X-STREAM-INF:BANDWIDTH=1\nhttps://example.com/a.m3u8",
    "#EXT-X-STREAM-INF:BANDWIDTH=1\n../../0a1b2c3d/a.m3u8",
]


async def test_a_player_is_led_nowhere_else(subtests, answered):
    for line in LEADING_ELSEWHERE:
        with subtests.test(line=line):
            assert await answered(MEDIA_PLAYLIST.replace("#EXTINF", f"{line}\n#EXTINF").encode()) == 404


UNREADABLE = [
    b"\xff",
    b"#EXTM3U\n#EXT-X-TARGETDURATION:x\n",
    b"#EXTM3U\n#EXT-X-MAP:x\n",
    b"#EXTM3U\n#EXTINF:x,\na.m4s\n",
    b"#EXTM3U\n#EXTINF:" + b"1" * 400 + b",\na.m4s\n",
]


async def test_a_playlist_that_cannot_be_read_is_none(subtests, answered):
    for body in UNREADABLE:
        with subtests.test(body=body):
            assert await answered(body) == 404


async def test_a_deleted_video_plays_no_more(video_media, player, call, run_pending):
    media = await video_media()
    await call("media.deleteMedia", mediaId=str(media.id))
    await run_pending()

    assert (await player.get(media.hls_url)).status_code == 404


async def test_a_store_that_is_away_is_told(video_media, player, resources, monkeypatch):
    media = await video_media()
    monkeypatch.setattr(resources.store.public, "name", "no-such-bucket")

    assert (await player.get(media.hls_url)).status_code == 503


def test_the_token_says_which_media_it_opens(resources):
    media_id = uuid4()
    url = resources.addresses.of_playlist(media_id, f"{media_id}/0a1b2c3d/hls.m3u8", datetime.now(UTC))

    assert url.startswith(f"{SERVER}/hls/")
    assert resources.addresses.media_of(url.split("/")[4]) == UUID(str(media_id))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"server_url": None}, "SERVER_URL must be set when PRIVATE_RENDITIONS is"),
        ({"cdn_url": "https://cdn.example.com"}, "CDN_URL must not be set when PRIVATE_RENDITIONS is"),
    ],
    ids=["no server", "a cdn"],
)
async def test_settings_that_contradict_are_refused(settings, told, sentence):
    with pytest.raises(SettingsError, match=sentence):
        async with open_resources(replace(settings, **told)):
            pass


async def test_the_doctor_finds_a_private_bucket_well(settings, resources):
    findings = {finding.subject: str(finding) for finding in await examine(settings)}

    assert findings["renditions"].startswith("ok       renditions: they are private")


@pytest.mark.usefixtures("read_by_everybody")
async def test_the_doctor_finds_a_bucket_that_is_not_private(settings):
    findings = {finding.subject: str(finding) for finding in await examine(settings)}
    assert findings["renditions"].endswith("make the bucket private")
