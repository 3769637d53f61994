"""One suite over every S3 server at hand: what the code relies on holds on each."""

import asyncio
import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest

from contracts.errors import ServiceUnavailable
from contracts.media import Purpose
from server.embedded import free_port
from storage.bucket import ObjectChanged, ObjectMissing
from storage.conditions import Conditions
from storage.keys import original_key, prefixes, safe_name, staging_key
from storage.presign import Presigner
from storage.s3 import ObjectStore, StoreConfig
from tests.services import Servers, every_store
from tests.stored import in_pages_of

pytestmark = pytest.mark.embedded

ETAG = '"0123456789abcdef0123456789abcdef"'


@pytest.fixture(params=every_store())
def config(request, servers: Servers) -> StoreConfig:
    """A fresh bucket of one server."""
    for server in servers.stores:
        if server.name == request.param:
            return server.config(f"suite-{uuid.uuid4().hex[:20]}")
    pytest.skip(servers.missing[request.param])


@pytest.fixture
async def store(config):
    opened = ObjectStore(config)
    await opened.create_buckets()
    yield opened
    opened.close()


@pytest.fixture
def presigner(config):
    return Presigner(config)


@pytest.fixture
def signed_put(presigner):
    """A URL and headers for these bytes at "staging/k"."""

    def sign(body: bytes, *, key="staging/k", sha256=None, ttl_seconds=60):
        return presigner.put(
            key,
            size_bytes=len(body),
            content_type="image/png",
            sha256=sha256,
            now=datetime.now(UTC),
            ttl_seconds=ttl_seconds,
        )

    return sign


async def test_bytes_sent_as_signed_are_stored(store, signed_put, client):
    url, headers = signed_put(b"0123456789")

    assert (await client.put(url, content=b"0123456789", headers=headers)).status_code == 200

    assert (await store.head("staging/k")).size_bytes == 10
    assert await store.read("staging/k", 2, 3) == b"234"
    assert await store.read("staging/k", 8, 100) == b"89"
    assert await store.read("staging/k", 50, 5) == b""
    assert await store.sha256("staging/k") == hashlib.sha256(b"0123456789").hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"content": b"0123456789!"},
        {"content": b"012345678"},
        {"headers": {"content-type": "text/html"}},
        {"headers": {}},
        {"method": "DELETE"},
        {"key": "staging/other"},
        {"signature": "0" * 64},
        {"expires": "99999"},
    ],
    ids=lambda change: next(iter(change)) + "-" + str(next(iter(change.values())))[:12],
)
async def test_a_signature_binds_the_request(store, signed_put, client, change):
    """Another length, type, method, key, expiry or signature is refused, and nothing is stored."""
    url, headers = signed_put(b"0123456789")
    url = url.replace("staging/k", change.get("key", "staging/k"))
    signature = httpx.URL(url).params["X-Amz-Signature"]
    url = url.replace(signature, change.get("signature", signature))
    url = url.replace("X-Amz-Expires=60", f"X-Amz-Expires={change.get('expires', '60')}")

    answer = await client.request(
        change.get("method", "PUT"),
        url,
        content=change.get("content", b"0123456789"),
        headers=change.get("headers", headers),
    )

    assert answer.status_code in {400, 403}
    assert await store.keys_under("") == []


async def test_an_expired_url_is_refused(store, signed_put, client):
    url, headers = signed_put(b"x", ttl_seconds=1)
    await asyncio.sleep(2.5)

    assert (await client.put(url, content=b"x", headers=headers)).status_code in {400, 403}
    assert await store.keys_under("") == []


async def test_the_signed_url_of_a_get_names_the_file(store, presigner, signed_put, client):
    """A download carries its own name and the verified type, whatever the store guessed."""
    url, headers = signed_put(b"0123456789")
    await client.put(url, content=b"0123456789", headers=headers)

    answer = await client.get(
        presigner.get(
            "staging/k", filename="a b;ü.png", content_type="image/png", now=datetime.now(UTC), ttl_seconds=60
        )
    )

    assert answer.content == b"0123456789"
    assert answer.headers["content-type"] == "image/png"
    assert (
        answer.headers["content-disposition"]
        == "attachment; filename=\"a-b-u.png\"; filename*=UTF-8''a%20b%3B%C3%BC.png"
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize(
    "owner",
    [
        *("ada", "a/b", "../..", "a b", "ünï", "a%2Fb", "a+b", "auth0|1", ".", "é" * 64, "🏖" * 64),
        *("event:42", "event:a/b", "team:..", "user:a:b", "team:" + "🏖" * 64),
    ],
)
async def test_every_owner_has_a_home(store, presigner, client, owner, purpose):
    """Any opaque id makes keys that the store keeps, lists and copies as they are."""
    media_id = uuid.uuid4()
    staged = staging_key(owner, media_id, "x.png", purpose)
    url, headers = presigner.put(
        staged, size_bytes=1, content_type="image/png", sha256=None, now=datetime.now(UTC), ttl_seconds=60
    )
    assert (await client.put(url, content=b"x", headers=headers)).status_code == 200

    published = original_key(owner, media_id, "x.png", purpose)
    await store.copy(staged, published, etag=(await store.head(staged)).etag, content_type="image/jpeg")

    found = [key for prefix in prefixes(owner, media_id, purpose) for key in await store.keys_under(prefix)]
    assert found == [staged, published]
    await store.remove(found)
    assert await store.keys_under("") == []


@pytest.mark.parametrize(
    ("owner", "purpose", "home"),
    [
        ("ada", Purpose.POST, "users/ada/posts"),
        ("ada", Purpose.PROFILE, "users/ada/profile"),
        ("user:a:b", Purpose.POST, "users/a%3Ab/posts"),
        ("event:42", Purpose.POST, "owners/event/42/posts"),
        ("event:42", Purpose.PROFILE, "owners/event/42/profile"),
        ("event:..", Purpose.POST, "owners/event/%2E%2E/posts"),
    ],
)
def test_a_home_is_the_owners_and_the_purposes(owner, purpose, home):
    """Users and other owners never share a folder, nor do posts and profile images."""
    media_id = uuid.UUID(int=1)
    assert staging_key(owner, media_id, "x.png", purpose) == f"staging/{home}/{media_id}_x.png"
    assert prefixes(owner, media_id, purpose) == (f"staging/{home}/{media_id}_", f"{home}/{media_id}_")
    published = original_key(owner, media_id, "x.png", purpose)
    assert published.startswith(f"{home}/{media_id}_")
    assert published.endswith("_x.png")


async def test_what_is_missing_is_missing(store):
    with pytest.raises(ObjectMissing):
        await store.head("nothing")
    with pytest.raises(ObjectMissing):
        await store.read("nothing", 0, 1)
    with pytest.raises(ObjectMissing):
        await store.copy("nothing", "copy", etag=ETAG, content_type="image/jpeg")
    await store.remove(["nothing"])


LOOKS = {"minio": Conditions(of_source=True, of_target=False), "embedded": Conditions(of_source=False, of_target=False)}


async def test_a_copy_is_bound_to_its_source_where_the_store_looks(store, request):
    """The first copy finds out: MinIO refuses to copy what has another ETag by now, the embedded store copies it."""
    put_object = store._client.put_object
    put_object(Bucket=store.name, Key="staged", Body=b"first")
    seen = (await store.head("staged")).etag
    put_object(Bucket=store.name, Key="staged", Body=b"other")

    refused = False
    try:
        await store.copy("staged", "copy", etag=seen, content_type="image/jpeg")
    except ObjectChanged:
        refused = True

    name = request.node.callspec.params["config"]
    assert store.conditions == LOOKS.get(name, store.conditions)
    assert refused is store.conditions.of_source
    assert await store.keys_under("") == (["staged"] if refused else ["copy", "staged"])
    await store.copy("staged", "another", etag=(await store.head("staged")).etag, content_type="image/jpeg")
    assert await store.read("another", 0, 5) == b"other"


async def test_a_copy_has_the_bytes_and_its_type_and_nothing_else(store, request):
    """Whatever a sender added to a PUT that it did not sign: it would be served to everybody.

    The embedded store, which is for one machine, takes the type alone as told and keeps the other headers.
    """
    added = {
        "ContentEncoding": "gzip",
        "CacheControl": "public",
        "ContentLanguage": "tlh",
        "Tagging": "public=yes",
    }
    store._client.put_object(
        Bucket=store.name, Key="staged", Body=b"bytes", ContentType="text/html", Metadata={"note": "mine"}, **added
    )
    await store.copy("staged", "copy", etag=(await store.head("staged")).etag, content_type="image/png")

    head = store._client.head_object(Bucket=store.name, Key="copy")
    assert head["ContentType"] == "image/png"
    assert "note" not in head["Metadata"]
    assert head.get("StorageClass", "STANDARD") == "STANDARD"
    kept = {"ContentEncoding", "CacheControl", "ContentLanguage", "TagCount"} & head.keys()
    assert not kept or request.node.callspec.params["config"] == "embedded"
    assert await store.read("copy", 0, 9) == b"bytes"


async def test_a_store_without_tags_copies_without_them(store):
    """It refuses the first copy, and is asked for none of them again."""
    refused = []

    def refuse(params, **_):
        if "x-amz-tagging-directive" not in params["headers"]:
            return None
        refused.append(params)
        answer = {"Error": {"Code": "NotImplemented"}, "ResponseMetadata": {"HTTPStatusCode": 501}}
        return SimpleNamespace(status_code=501), answer

    store._client.meta.events.register("before-call.s3.CopyObject", refuse)
    store._client.put_object(Bucket=store.name, Key="staged", Body=b"bytes")
    staged = await store.head("staged")
    for target in ("one", "two"):
        await store.copy("staged", target, etag=staged.etag, content_type="image/png")

    assert len(refused) == 1
    assert await store.read("two", 0, 9) == b"bytes"


async def test_more_keys_than_a_page_are_listed_and_removed(store):
    """Listings are followed to their end, and whoever removes names a thousand at a time, as many as a store takes."""
    keys = [f"many/{number:04}" for number in range(1005)]
    for key in (*keys[:3], *keys[-22:]):
        store._client.put_object(Bucket=store.name, Key=key, Body=b"")
    pages = in_pages_of(store._client, "ListObjectsV2", MaxKeys=10)

    assert await store.keys_under("many/") == [*keys[:3], *keys[-22:]]
    assert len(pages) == 3
    await store.remove(keys)
    assert await store.keys_under("") == []


async def test_buckets_are_created_once(store):
    await store.create_buckets()
    await store.check()


async def test_a_store_that_is_down_is_unavailable(config):
    """A closed port is a named outage, not an exception of the driver."""
    down = ObjectStore(replace(config, endpoint=f"http://127.0.0.1:{free_port()}"))
    for attempt in (
        down.check(),
        down.head("k"),
        down.copy("a", "b", etag=ETAG, content_type="image/jpeg"),
        down.remove(["a"]),
        down.keys_under(""),
    ):
        with pytest.raises(ServiceUnavailable) as refused:
            await attempt
        assert refused.value.details == {"service": "storage"}
    down.close()


async def test_wrong_keys_are_an_outage_of_storage(config, store):
    stranger = ObjectStore(replace(config, secret_access_key="not the secret"))
    with pytest.raises(ServiceUnavailable):
        await stranger.head("k")
    stranger.close()


@pytest.mark.parametrize(
    ("filename", "slug"),
    [
        ("photo.jpg", "photo.jpg"),
        ("My holiday (1).JPG", "My-holiday-1.JPG"),
        ("crème.png", "creme.png"),
        ("写真.jpg", "file.jpg"),
        ("صورة", "file"),
        (".hidden", "file.hidden"),
        ("...", "file"),
        ("a" * 300 + ".jpeg", "a" * 80 + ".jpeg"),
        ("x.verylongextension", "x.verylongex"),
        ("a%2e%2e/b?c#d.png", "a-2e-2e-b-c-d.png"),
    ],
)
def test_a_key_gets_a_safe_slug(filename, slug):
    assert safe_name(filename) == slug
