"""`/storage`: the embedded store under the server's own origin, over real sockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from socket import socket
from urllib.parse import unquote
from uuid import UUID

import pytest

from contracts.media import Purpose
from procedures import PROCEDURES
from rpc.app import create_app
from server.dev import LOCAL_ORIGINS
from server.resources import app_config
from server.storage_proxy import storage_routes
from storage.keys import staging_key
from tests.on_a_socket import free_listener, origin_of, served_on
from tests.sampling import drawn

pytestmark = pytest.mark.embedded

ODD_PATHS = 10_000
MEDIA_ID = UUID("01890000-0000-7000-8000-000000000000")
WEB_APP = "http://localhost:5173"
BODY = b"twelve bytes"
KEYS = {
    "plain": "staging/users/ada/photo.jpg",
    "owner with a space": staging_key("a b", MEDIA_ID, "photo.jpg", Purpose.POST),
    "owner with percent and slash": staging_key("50%/../x", MEDIA_ID, "photo.jpg", Purpose.POST),
    "unicode owner and name": staging_key("zoë", MEDIA_ID, "naïve 写真.jpg", Purpose.POST),
    "raw unicode, space, plus, percent": "users/zoë/na ïve+写真 100%41.jpg",
    "reserved characters": "users/a@b/x&y=z;(1)!'*,$~:[?#].jpg",
}


@pytest.fixture
def store_server(servers):
    return next(store for store in servers.stores if store.name == "embedded")


@pytest.fixture
def listener() -> Iterator[socket]:
    with free_listener() as listening:
        yield listening


@pytest.fixture
def origin(listener) -> str:
    return origin_of(listener)


@pytest.fixture
def settings(settings, origin):
    return replace(settings, s3_public_endpoint=f"{origin}/storage")


@pytest.fixture
def upstream(store_server):
    """The store that the proxy passes requests on to."""
    return store_server.endpoint


@pytest.fixture
async def site(resources, settings, upstream, listener) -> AsyncIterator[None]:
    """The application with its proxy, served on a socket."""
    async with storage_routes(upstream, settings.s3_bucket, settings.s3_public_bucket) as routes:
        config = app_config(settings, cors_origin_regex=LOCAL_ORIGINS)
        async with served_on(listener, create_app(resources, PROCEDURES, config, routes=routes)):
            yield


@pytest.fixture
def signed_put(resources):
    """The URL and headers of a PUT of BODY."""

    def sign(key: str = KEYS["plain"], seconds_ago: int = 0):
        now = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        return resources.presigner.put(
            key, size_bytes=len(BODY), content_type="image/jpeg", sha256=None, now=now, ttl_seconds=60
        )

    return sign


@pytest.fixture
def signed_get(resources):
    """The URL of a GET."""

    def sign(key: str = KEYS["plain"], filename: str = "photo.jpg"):
        return resources.presigner.get(
            key, filename=filename, content_type="image/jpeg", now=datetime.now(UTC), ttl_seconds=60
        )

    return sign


@pytest.fixture
async def stored(site, client, signed_put):
    """BODY, at the plain key."""
    url, headers = signed_put()
    assert (await client.put(url, content=BODY, headers=headers)).status_code == 200


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
async def test_a_signature_holds_through_the_proxy(site, client, objects, signed_put, signed_get, origin, key):
    """What was signed is what the store sees, whatever characters the key has."""
    url, headers = signed_put(key)
    assert url.startswith(f"{origin}/storage/")
    assert (await client.put(url, content=BODY, headers=headers)).status_code == 200
    assert await objects() == [key]
    answer = await client.get(signed_get(key))
    assert (answer.status_code, answer.content) == (200, BODY)


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks of unknown length"])
async def test_a_body_sent_in_pieces_arrives_whole(site, client, objects, signed_put, signed_get, chunked):
    """A body of the signed length arrives; one that tells no length is refused and leaves nothing."""
    url, headers = signed_put()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(BODY), 5):
            yield BODY[start : start + 5]

    length = {} if chunked else {"content-length": str(len(BODY))}
    answer = await client.put(url, content=pieces(), headers={**headers, **length})
    assert (answer.status_code, await objects()) == ((403, []) if chunked else (200, [KEYS["plain"]]))


async def test_a_download_has_its_own_name_and_type(stored, client, signed_get):
    """The store answers the name and type that the URL signs."""
    answer = await client.get(signed_get(filename="naïve 写真.jpg"))
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"naive.jpg\"; filename*=UTF-8''na%C3%AFve%20%E5%86%99%E7%9C%9F.jpg"
    )
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == "12"


@pytest.mark.parametrize(
    ("asked", "part", "content_range"),
    [
        ("bytes=0-3", b"twel", "bytes 0-3/12"),
        ("bytes=7-", b"bytes", "bytes 7-11/12"),
        ("bytes=-5", b"bytes", "bytes 7-11/12"),
        ("bytes=-999999", BODY, "bytes 0-11/12"),
        ("bytes=7-999999", b"bytes", "bytes 7-11/12"),
        ("BYTES=0-3", b"twel", "bytes 0-3/12"),
    ],
)
async def test_a_part_is_answered(stored, client, signed_get, asked, part, content_range):
    """A range is answered as a range, or players take the part for the whole."""
    answer = await client.get(signed_get(), headers={"range": asked})
    assert (answer.content, answer.headers["content-range"]) == (part, content_range)
    assert answer.status_code == 206


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=5-2", "bytes=a-b", "items=0-3", "bytes=-"])
async def test_who_asks_for_no_range_or_several_is_answered_the_whole(stored, client, signed_get, asked):
    """As RFC 9110 allows for several, and asks for what is none."""
    answer = await client.get(signed_get(), headers={"range": asked})
    assert (answer.status_code, answer.content, "content-range" in answer.headers) == (200, BODY, False)


@pytest.mark.parametrize("asked", ["bytes=12-", "bytes=-0", "bytes=999999999999999999-"])
async def test_a_part_behind_the_end_cannot_be_had(stored, client, signed_get, asked):
    """The answer tells how long the object is."""
    answer = await client.get(signed_get(), headers={"range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */12")


async def test_a_head_is_answered_without_a_body(stored, client, resources):
    """HEAD tells the length and sends nothing."""
    url = resources.presigner._sign("HEAD", KEYS["plain"], now=datetime.now(UTC), ttl_seconds=60)
    answer = await client.head(url)
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "12", b"")


@pytest.mark.parametrize("fault", ["too long", "too short", "another type", "another key", "tampered", "GET"])
async def test_a_request_that_was_not_signed_is_refused_by_the_store(
    site, client, objects, signed_put, store_server, origin, fault
):
    """The refusal is the store's own, to the letter, and nothing is stored."""
    url, headers = signed_put()
    body = {"too long": BODY + b"!", "too short": BODY[1:], "GET": b""}.get(fault, BODY)
    if fault == "another type":
        headers["content-type"] = "text/html"
    if fault == "another key":
        url = url.replace("photo.jpg", "other.jpg")
    if fault == "tampered":
        url = url.replace("X-Amz-Signature=", "X-Amz-Signature=0")
    method = "GET" if fault == "GET" else "PUT"
    answer = await client.request(method, url, content=body, headers=headers)
    direct = url.replace(f"{origin}/storage", store_server.endpoint)
    host = origin.removeprefix("http://")
    own = await client.request(method, direct, content=body, headers={**headers, "host": host})
    assert answer.status_code == 403
    assert (answer.status_code, answer.text) == (own.status_code, own.text)
    assert await objects() == []


async def test_an_expired_url_is_refused_by_the_store(site, client, objects, signed_put):
    """The embedded store calls lateness a bad request."""
    url, headers = signed_put(seconds_ago=61)
    answer = await client.put(url, content=BODY, headers=headers)
    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (400, True)
    assert await objects() == []


async def test_an_unsigned_request_is_refused(stored, client, origin, settings):
    """The proxy adds no rights of its own."""
    answer = await client.get(f"{origin}/storage/{settings.s3_bucket}/{KEYS['plain']}")
    assert (answer.status_code, BODY in answer.content) == (400, False)


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_the_application_answers_a_preflight(site, client, signed_put, method):
    """A browser may ask from any origin of this machine, and is told by the application."""
    asked = {"origin": WEB_APP, "access-control-request-method": method}
    asked["access-control-request-headers"] = "content-type,x-amz-checksum-sha256"
    answer = await client.options(signed_put()[0], headers=asked)
    assert (answer.status_code, answer.headers.get_list("access-control-allow-origin")) == (200, [WEB_APP])
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    assert answer.headers["access-control-allow-headers"] == "content-type,x-amz-checksum-sha256"


async def test_a_preflight_from_elsewhere_is_refused(site, client, signed_put):
    """Only the web apps of this machine are let in."""
    asked = {"origin": "http://localhost.evil.example", "access-control-request-method": "PUT"}
    answer = await client.options(signed_put()[0], headers=asked)
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (400, False)


async def test_cross_origin_headers_stand_once(site, client, signed_put, signed_get):
    """The store's own CORS headers are taken off, so that the application's stand alone."""
    url, headers = signed_put()
    sent = await client.put(url, content=BODY, headers={**headers, "origin": WEB_APP})
    got = await client.get(signed_get(), headers={"origin": WEB_APP})
    for answer in (sent, got):
        told = {name for name in answer.headers if name.startswith("access-control-")}
        assert told == {"access-control-allow-origin", "access-control-expose-headers"}
        assert answer.headers.get_list("access-control-allow-origin") == [WEB_APP]
        assert answer.headers.get_list("date") == [answer.headers["date"]]


async def test_a_tab_in_its_sandbox_may_read_what_it_shows(stored, client, signed_get):
    """Its origin is null; a signed URL is all that it needs."""
    answer = await client.get(signed_get(), headers={"origin": "null"})
    assert (answer.status_code, answer.headers.get_list("access-control-allow-origin")) == (200, ["*"])
    assert "access-control-allow-credentials" not in answer.headers


async def test_stored_bytes_cannot_act_in_the_origin(stored, client, signed_get, signed_put):
    """What is served is of its own type only, and in a sandbox; so are refusals."""
    for url in (signed_get(), signed_put()[0]):
        answer = await client.get(url)
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers.get_list("content-security-policy") == ["default-src 'none'; media-src 'self'; sandbox"]


@pytest.mark.parametrize("upstream", ["http://127.0.0.1:1"], ids=["nobody listens"])
async def test_a_store_that_is_down_is_a_bad_gateway(site, client, signed_get, signed_put):
    """Nothing behind the proxy: 502 for both directions, in a sentence."""
    url, headers = signed_put()
    for answer in (await client.get(signed_get()), await client.put(url, content=BODY, headers=headers)):
        assert (answer.status_code, answer.text) == (502, "storage did not answer\n")


@pytest.fixture
async def listener_behind() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A socket in the store's place, and the request heads that it is sent."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: a=b\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


class TestWhatTheStoreIsSent:
    """The request as it reaches the store."""

    @pytest.fixture
    def upstream(self, listener_behind):
        return listener_behind[0]

    async def test_what_was_signed_arrives_and_cookies_do_not(self, site, client, origin, settings, listener_behind):
        """Method, path, query, Host and headers are as the client sent them; a cookie is the server's alone."""
        headers = {"cookie": "session=secret", "x-amz-meta-a": "b", "te": "trailers", "accept-encoding": "identity"}
        answer = await client.get(f"{origin}/storage/{settings.s3_bucket}/%25%20%2F+é?x=%2F&y", headers=headers)
        assert (answer.status_code, answer.text) == (200, "ok")
        line, *rest = listener_behind[1][0].decode().strip().split("\r\n")
        sent = dict(header.lower().split(": ", 1) for header in rest)
        assert line == f"GET /{settings.s3_bucket}/%25%20%2F+%C3%A9?x=%2F&y HTTP/1.1"
        assert (sent["host"], sent["x-amz-meta-a"]) == (origin.removeprefix("http://"), "b")
        assert sent["accept-encoding"] == "identity"
        assert sent.keys() & {"cookie", "te", "transfer-encoding", "content-length", "content-type"} == set()

    @pytest.mark.exhaustive(walk=True)
    async def test_an_odd_path_reaches_no_other_server(self, site, origin, settings, listener_behind):
        """Nor anything of the store but what is in its two buckets."""
        async with sink() as (address, reached):
            buckets = (settings.s3_bucket, settings.s3_public_bucket)
            paths = drawn([odd_path(Random(n), address, buckets) for n in range(ODD_PATHS)], "odd paths")
            statuses = Counter([await status_of(origin, path) for path in paths])

            assert reached == []
        asked = [head.split(b" ")[1].decode() for head in listener_behind[1]]
        assert asked != []
        assert {path.split("/")[1] for path in asked} <= set(buckets)
        assert [path for path in asked if ".." in unquote(path.partition("?")[0]).replace("\\", "/").split("/")] == []
        assert set(statuses) <= {200, 307, 400, 404}, statuses

    @pytest.mark.parametrize("headers", [{}, {"authorization": "Basic YTpi"}], ids=["", "with credentials"])
    async def test_what_is_no_key_is_not_found(self, site, client, origin, headers, listener_behind):
        """Whatever other server its path would name beside the store's address."""
        async with sink() as (address, reached):
            for path in (f"%2f@{address}/x", f"@{address}/x", "/other/x", "/"):
                answer = await client.get(f"{origin}/storage{path}", headers=headers)
                assert answer.status_code == 404, path
            assert (reached, listener_behind[1]) == ([], [])


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server that nobody should reach, and a word for each who does."""
    reached: list[str] = []

    def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append("reached")
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", reached


def odd_path(random: Random, address: str, buckets: tuple[str, ...]) -> str:
    """A path below the prefix, or beside it, of pieces that mean something to one reader of URLs or another."""
    pieces = [*buckets, address, f"@{address}", f"//{address}", f"http://{address}", "staging", "photo.jpg"]
    marks = ["/", "/", "//", "%2f", "%2F", "%5c", "\\", "@", "%40", ":", ";", "?", "%3f", "%23", "%00", "%0d%0a", "%"]
    dots = [".", "..", "%2e%2e", "..%2f", "%252e%252e%252f", "...", "/../", "/./"]
    begin = random.choice(["/storage", f"/storage/{random.choice(buckets)}/"])
    kinds = [pieces, marks, dots]
    return begin + "".join(random.choice(random.choice(kinds)) for _ in range(random.randint(1, 6)))


async def status_of(origin: str, path: str) -> int:
    """The status with which a path is answered that no client has put in order."""
    host = origin.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split(b" ")[1])
