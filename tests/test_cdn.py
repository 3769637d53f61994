"""`/cdn`: the public bucket of every store at hand, over real sockets."""

import asyncio
import contextlib
import http.client
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import product
from urllib.parse import quote

import httpx
import pytest

from server.dev import start_missing
from server.settings import Settings
from storage.s3 import StoreConfig, create_client
from tests.cdn import cdn_site
from tests.services import Servers, every_store

BODY = b"twelve bytes"
KEY = "users/ada/thumb150.webp"
MD5 = '"c91fa94e14cf2fa5474beceff788c0dc"'  # of BODY
XXH128 = '"09276921dedb8fafc77bd89cae94cf89"'
WEB_APP = "https://app.example.com"
GUARD = "default-src 'none'; media-src 'self'; sandbox"


@pytest.fixture(params=every_store())
def config(request, servers: Servers) -> StoreConfig:
    """A fresh pair of buckets of one server."""
    for server in servers.stores:
        if server.name == request.param:
            return server.config(f"cdn-{uuid.uuid4().hex[:20]}", "http://nobody.example/storage")
    pytest.skip(servers.missing[request.param])


@pytest.fixture
def stored(config) -> Iterator[Callable[..., None]]:
    """Put an object into the public bucket, BODY unless told otherwise."""
    s3 = create_client(config, config.endpoint)
    for bucket in (config.bucket, config.public_bucket):
        s3.create_bucket(Bucket=bucket)

    def put(key: str = KEY, body: bytes = BODY, bucket: str = config.public_bucket, **told: str) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=body, **told)

    yield put
    s3.close()


@pytest.fixture
def etag(request) -> str:
    """What the store says of BODY."""
    return XXH128 if request.node.callspec.params["config"] == "embedded" else MD5


@pytest.fixture
async def site(config) -> AsyncIterator[str]:
    """The origin of an application with the CDN at its side."""
    async with cdn_site(config) as origin:
        yield origin


Fetch = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def fetch(site, client) -> Fetch:
    """Ask for an object, with headers."""

    async def send(key: str = KEY, method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: httpx.Response = await client.request(method, f"{site}/cdn/{key}", headers=named)
        return answer

    return send


async def exact(site: str, path: str) -> tuple[int, bytes]:
    """What the server answers to a path that no client has tidied up."""

    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(site.removeprefix("http://"), timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    return await asyncio.to_thread(ask)


async def test_an_object_is_served_to_everybody(stored, fetch, etag):
    """Bytes, length, validators, type and caching, and nothing of the store's own."""
    stored()
    answer = await fetch()
    assert (answer.status_code, answer.content) == (200, BODY)
    headers = dict(answer.headers)
    modified = headers.pop("last-modified")
    assert format_datetime(parsedate_to_datetime(modified), usegmt=True) == modified
    assert headers.pop("date")
    assert headers == {
        "content-length": "12",
        "etag": etag,
        "content-type": "image/webp",
        "cache-control": "public, max-age=31536000, immutable",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": GUARD,
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "accept-ranges, content-length, content-range, etag",
    }


KINDS = [
    ("full.webp", "image/webp", "public, max-age=31536000, immutable"),
    ("poster.JPG", "image/jpeg", "public, max-age=31536000, immutable"),
    ("waveform.png", "image/png", "public, max-age=31536000, immutable"),
    ("thumb.avif", "image/avif", "public, max-age=31536000, immutable"),
    ("720p.mp4", "video/mp4", "public, max-age=2592000"),
    ("720p-001.m4s", "video/iso.segment", "public, max-age=2592000"),
    ("720p-001.ts", "video/mp2t", "public, max-age=2592000"),
    ("720p.webm", "video/webm", "public, max-age=2592000"),
    ("audio.m4a", "audio/mp4", "public, max-age=2592000"),
    ("audio.mp3", "audio/mpeg", "public, max-age=2592000"),
    ("master.m3u8", "application/vnd.apple.mpegurl", "public, max-age=3600"),
    ("page.html", "application/octet-stream", "no-cache"),
    ("webp", "application/octet-stream", "no-cache"),
]


async def test_each_kind_has_its_type_and_caching(subtests, stored, fetch):
    """Whatever the store was told: a store that forgets it serves the same."""
    for name, content_type, cache_control in KINDS:
        with subtests.test(name=name):
            stored(f"v1.x/{name}", ContentType="text/html", CacheControl="no-store")
            answer = await fetch(f"v1.x/{name}")
            assert answer.content == BODY
            assert (answer.headers["content-type"], answer.headers["cache-control"]) == (content_type, cache_control)


PARTS = [
    ("bytes=0-3", b"twel", "bytes 0-3/12"),
    ("bytes=0-0", b"t", "bytes 0-0/12"),
    ("bytes=7-", b"bytes", "bytes 7-11/12"),
    ("bytes=0-", BODY, "bytes 0-11/12"),
    ("bytes=-5", b"bytes", "bytes 7-11/12"),
    ("bytes=-12", BODY, "bytes 0-11/12"),
    ("bytes=-500", BODY, "bytes 0-11/12"),
    ("bytes=11-11", b"s", "bytes 11-11/12"),
    ("bytes=7-500", b"bytes", "bytes 7-11/12"),
    ("BYTES=0-3", b"twel", "bytes 0-3/12"),
]


async def test_a_part_is_answered(subtests, stored, fetch, etag):
    stored()
    for asked, part, content_range in PARTS:
        with subtests.test(asked=asked):
            answer = await fetch(range=asked)
            assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, part, content_range)
            assert answer.headers["content-length"] == str(len(part))
            assert (answer.headers["etag"], answer.headers["accept-ranges"]) == (etag, "bytes")
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_part_behind_the_end_cannot_be_had(subtests, stored, fetch):
    """The answer tells how long the object is."""
    stored()
    for asked in ("bytes=12-", "bytes=12-20", "bytes=-0", "bytes=999999999999999999-"):
        with subtests.test(asked=asked):
            answer = await fetch(range=asked)
            assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */12")
            assert answer.headers["access-control-allow-origin"] == "*"


async def test_nothing_has_no_parts(stored, fetch):
    """An empty object is served as a whole, and none of its bytes can be had."""
    stored("empty.mp4", b"")
    whole, part = await fetch("empty.mp4"), await fetch("empty.mp4", range="bytes=0-")
    assert (whole.status_code, whole.content, whole.headers["content-length"]) == (200, b"", "0")
    assert (part.status_code, part.headers["content-range"]) == (416, "bytes */0")


NO_RANGES = [
    "bytes=5-2",
    "bytes=-",
    "bytes=",
    "bytes=a-b",
    "bytes",
    "items=0-3",
    "bytes=0-1,3-4",
    "bytes=+1-2",
    "bytes=0 - 3",
]


async def test_what_is_not_one_range_of_bytes_is_not_looked_at(subtests, stored, fetch):
    stored()
    for asked in NO_RANGES:
        with subtests.test(asked=asked):
            answer = await fetch(range=asked)
            assert (answer.status_code, answer.content, "content-range" in answer.headers) == (200, BODY, False)


async def test_a_part_of_the_same_object_only(stored, fetch, etag):
    """With If-Range, a part is sent to those who have the rest of this object; others get the whole."""
    stored()
    modified = (await fetch()).headers["last-modified"]
    outcomes = {
        condition: (await fetch(range="bytes=0-3", if_range=condition)).status_code
        for condition in (etag, modified, '"another"', f"W/{etag}", before(modified), after(modified), "")
    }
    assert outcomes == {
        etag: 206,
        modified: 206,
        '"another"': 200,
        f"W/{etag}": 200,
        before(modified): 200,
        after(modified): 200,
        "": 200,
    }


async def test_what_the_client_has_is_not_sent_again(subtests, stored, fetch, etag):
    """304 repeats the headers that a cache renews its copy by; a range makes no difference."""
    stored()
    for method, tags in product(("GET", "HEAD"), ("{}", "W/{}", '"a", {}', "*")):
        with subtests.test(method=method, tags=tags):
            for more in ({}, {"range": "bytes=0-3"}, {"if_modified_since": "Thu, 01 Jan 1970 00:00:00 GMT"}):
                answer = await fetch(method=method, if_none_match=tags.format(etag), **more)
                assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
                assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
                assert answer.headers["access-control-allow-origin"] == "*"
                assert answer.headers.keys() & {"content-length", "content-type", "content-range"} == set()


async def test_another_version_is_sent(stored, fetch):
    """Where a client names the versions that it has, the time of its copy does not count."""
    stored()
    modified = (await fetch()).headers["last-modified"]
    answer = await fetch(if_none_match='"another"', if_modified_since=after(modified))
    assert (answer.status_code, answer.content) == (200, BODY)


async def test_the_time_of_a_copy_tells_whether_it_is_good(stored, fetch):
    stored()
    modified = (await fetch()).headers["last-modified"]
    outcomes = [
        (await fetch(if_modified_since=since)).status_code
        for since in (modified, after(modified), before(modified), "yesterday", "")
    ]
    assert outcomes == [304, 304, 200, 200, 200]


async def test_head_tells_what_get_would(stored, fetch):
    """The same headers without the bytes; HEAD knows no ranges."""
    stored()
    get, head, part = await fetch(), await fetch(method="HEAD"), await fetch(method="HEAD", range="bytes=0-3")
    for answer in (head, part):
        assert (answer.status_code, answer.content) == (200, b"")
        assert {**answer.headers, "date": ""} == {**get.headers, "date": ""}


@pytest.mark.parametrize("key", ["na ïve+写真 100%41.webp", "a@b/x&y=z;(1)!'*,$~:[?#].mp4", "users/50%25%2F/x.webp"])
async def test_any_key_that_the_server_makes_is_found(stored, site, client, key):
    stored(key)
    answer = await client.get(f"{site}/cdn/{quote(key)}")
    assert (answer.status_code, answer.content) == (200, BODY)


NO_OBJECTS = [
    "/cdn/unknown.webp",
    "/cdn/",
    "/cdn//",
    "/cdn/users",
    "/cdn/users/",
    "/cdn/users/ada",
    "/cdn/users/ada/",
    "/cdn/users/ada/thumb150.webp/",
    "/cdn/users//ada/thumb150.webp",
    "/cdn//users/ada/thumb150.webp",
    "/cdn/./users/ada/thumb150.webp",
    "/cdn/users/../users/ada/thumb150.webp",
    "/cdn/users/%2e%2e/users/ada/thumb150.webp",
    "/cdn/users%2Fada%2Fthumb150.webp",
    "/cdn/users%2fada/thumb150.webp",
    "/cdn/users/ada/thumb150.webp%00",
    "/cdn/users/ada/thumb150.webp%00.html",
    "/cdn/users/ada/thumb150.webp%FF",
    "/cdn/users/ada/thumb150.webp%20",
    "/cdn/users/ada\\thumb150.webp",
    "/cdn/%01%7f.webp",
    "/cdn/../{private}/secret.webp",
    "/cdn/..%2F{private}/secret.webp",
    "/cdn/%2e%2e/{private}/secret.webp",
    "/cdn/{private}/secret.webp",
    "/cdn/secret.webp",
    "/cdn/?list-type=2",
    "/cdn/?prefix=users/",
    f"/cdn/{'a' * 300}.webp",
    f"/cdn/{'a/' * 600}x.webp",
]


async def test_what_is_no_object_is_not_found(subtests, stored, config, site):
    """Unknown keys, folders, ways out of the bucket and what no key can be are one answer, which says no more."""
    stored()
    stored("secret.webp", b"secret", bucket=config.bucket)
    for path in NO_OBJECTS:
        with subtests.test(path=path):
            assert await exact(site, path.format(private=config.bucket)) == (404, b"not found\n")


async def test_a_query_changes_nothing(stored, fetch):
    """Not even one that means something to the store."""
    stored()
    for query in ("versionId=1", "uploads", "response-content-type=text/html", "X-Amz-Expires=0"):
        answer = await fetch(f"{KEY}?{query}")
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, BODY, "image/webp")


async def test_a_refusal_is_not_kept(stored, fetch):
    """What is not there may be there in a moment."""
    stored()
    answer = await fetch("later.webp")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    assert (answer.headers["x-content-type-options"], answer.headers["access-control-allow-origin"]) == ("nosniff", "*")


async def test_the_bucket_is_there_to_be_read(subtests, stored, fetch):
    for method in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND"):
        with subtests.test(method=method):
            stored()
            answer = await fetch(method=method)
            assert answer.status_code == 405
            assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
            assert (await fetch()).content == BODY


async def test_any_page_may_read(stored, fetch):
    """With headers of its own too; the answer is the same for all origins, so that one copy does for all."""
    stored()
    asked = {"access_control_request_method": "GET", "access_control_request_headers": "if-none-match"}
    preflight = await fetch(method="OPTIONS", origin=WEB_APP, **asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    assert preflight.headers["access-control-allow-headers"] == "*"
    for answer in (preflight, await fetch(), await fetch(origin=WEB_APP), await fetch(origin="http://localhost:5173")):
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]
        assert answer.headers.keys() & {"vary", "access-control-allow-credentials"} == set()


async def test_everything_else_is_the_applications(stored, site):
    for path in ("/", "/cdn", "/cdnx", "/storage/x"):
        assert await exact(site, path) == (200, b"the application")


def before(date: str) -> str:
    return format_datetime(parsedate_to_datetime(date) - timedelta(seconds=1), usegmt=True)


def after(date: str) -> str:
    return format_datetime(parsedate_to_datetime(date) + timedelta(seconds=1), usegmt=True)


@pytest.mark.parametrize(("cdn_url", "told"), [("", "http://127.0.0.1:8123/cdn"), ("https://cdn.example.com", None)])
def test_urls_name_the_embedded_cdn_unless_there_is_another(tmp_path, cdn_url, told):
    """`mediarpc dev` serves renditions itself, where it serves everything else."""
    environment = {"DATABASE_URL": "postgresql://nobody.example/media", "PORT": "8123"}
    if cdn_url:
        environment["CDN_URL"] = cdn_url
    with ExitStack() as stack:
        settings = start_missing(stack, environment, Settings.from_environment(environment), tmp_path)
    assert settings.cdn_url == (told or cdn_url)
