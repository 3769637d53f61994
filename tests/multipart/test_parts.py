"""Parts over every S3 server at hand: where the servers differ, the test says how."""

import asyncio
import hashlib
import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import ServiceUnavailable
from server.embedded import free_port
from storage.bucket import ObjectMissing
from storage.multipart import PartsChanged
from storage.s3 import ObjectStore
from tests.faults import Cut, proxy_of
from tests.multipart.bodies import FIRST, KEY, LAST, MIB, OTHER, bytes_of, half_sent
from tests.stored import in_pages_of

pytestmark = pytest.mark.embedded


async def test_parts_become_an_object_that_keeps_type_and_token(store, upload_id, signed, client):
    """Sent through URLs in any order, listed as they are, and nowhere to be seen before they are assembled."""
    began = datetime.now(UTC)
    for number, body in ((2, LAST), (1, FIRST)):
        url, headers = signed(number, len(body), sha256=hashlib.sha256(body).hexdigest())
        assert (await client.put(url, content=body, headers=headers)).status_code == 200

    listed = await store.multipart.parts(KEY, upload_id)
    assert [(part.number, part.size_bytes, part.etag) for part in listed] == [
        (1, 5_242_880, f'"{hashlib.md5(FIRST).hexdigest()}"'),
        (2, 7, f'"{hashlib.md5(LAST).hexdigest()}"'),
    ]
    assert all(abs(part.modified_at - began) < timedelta(minutes=1) for part in listed)
    with pytest.raises(ObjectMissing):
        await store.head(KEY)

    await store.multipart.assemble(KEY, upload_id, listed)

    facts = await store.head(KEY)
    assert (facts.size_bytes, facts.token) == (5_242_887, "t-1")
    assert await bytes_of(store) == FIRST + LAST
    answer = await asyncio.to_thread(store._client.head_object, Bucket=store.name, Key=KEY)
    assert answer["ContentType"] == "video/mp4"


async def test_a_part_sent_again_replaces_the_first_except_in_the_embedded_store(
    store, upload_id, parts, write, embedded
):
    """The same bytes are taken everywhere; the embedded store, which has written the part, refuses others."""
    await write(1, FIRST)
    refused = False
    try:
        await write(1, OTHER)
    except PartsChanged:
        refused = True

    assert refused is embedded
    await store.multipart.assemble(KEY, upload_id, await store.multipart.parts(KEY, upload_id))
    assert await bytes_of(store) == (FIRST if embedded else OTHER) + LAST


async def test_a_part_that_broke_off_is_sent_again(store, upload_id, signed, write):
    """Half a part is not listed; sent again whole, it is."""
    with half_sent(signed(1, len(FIRST))[0], FIRST):
        await asyncio.sleep(0.3)
    assert await store.multipart.parts(KEY, upload_id) == []

    await write(1, FIRST)

    await store.multipart.assemble(KEY, upload_id, await store.multipart.parts(KEY, upload_id))
    assert await bytes_of(store) == FIRST


@pytest.mark.parametrize(
    "change",
    [
        {"content": b"0123456789!"},
        {"content": b"012345678"},
        {"headers": {}},
        {"headers": {"x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
        {"method": "DELETE"},
        {"partNumber=7": "partNumber=8"},
        {"uploadId=": "uploadId=0"},
        {"a.mp4": "b.mp4"},
        {"X-Amz-Expires=60": "X-Amz-Expires=61"},
    ],
    ids=lambda change: next(iter(change)) + "-" + str(next(iter(change.values())))[:12],
)
async def test_a_signature_binds_the_part(store, upload_id, signed, client, change):
    """Another length, checksum, method, number, upload, key or expiry is refused, and no part is stored."""
    url, headers = signed(7, 10, sha256=hashlib.sha256(b"0123456789").hexdigest())
    for old, new in change.items():
        url = url if old in {"content", "headers", "method"} else url.replace(old, new)

    answer = await client.request(
        change.get("method", "PUT"),
        url,
        content=change.get("content", b"0123456789"),
        headers=change.get("headers", headers),
    )

    assert answer.status_code in {400, 403}
    assert await store.multipart.parts(KEY, upload_id) == []


async def test_bytes_of_another_checksum_are_refused_except_by_the_embedded_store(
    store, upload_id, signed, client, embedded
):
    """The embedded store takes the checksum's word for it, so only reading the object back tells."""
    url, headers = signed(1, 10, sha256=hashlib.sha256(b"0123456789").hexdigest())

    answer = await client.put(url, content=b"9876543210", headers=headers)

    assert answer.status_code == (200 if embedded else 400)
    assert len(await store.multipart.parts(KEY, upload_id)) == (1 if embedded else 0)


@pytest.mark.parametrize("number", [0, 10_001])
async def test_part_numbers_go_from_1_to_10000(store, upload_id, signed, client, number):
    url, headers = signed(number, 1)
    assert (await client.put(url, content=b"x", headers=headers)).status_code == 400
    url, headers = signed(10_000, 1)
    assert (await client.put(url, content=b"x", headers=headers)).status_code == 200
    assert [part.number for part in await store.multipart.parts(KEY, upload_id)] == [10_000]


async def test_more_parts_than_a_page_are_listed(store, upload_id):
    """Listings are followed to their end, and come by number."""

    def send(number: int) -> None:
        store._client.upload_part(Bucket=store.name, Key=KEY, UploadId=upload_id, PartNumber=number, Body=b"x" * number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(send, range(1, 26)))
    pages = in_pages_of(store._client, "ListParts", MaxParts=10)

    listed = await store.multipart.parts(KEY, upload_id)
    assert [(part.number, part.size_bytes) for part in listed] == [(number, number) for number in range(1, 26)]
    assert len(pages) == 3


async def test_a_file_is_written_without_being_held_in_memory(store, upload_id, tmp_path):
    """A file becomes an object, or a part, chunk by chunk."""
    file = tmp_path / "video.mp4"
    file.write_bytes(FIRST * 8)
    tracemalloc.start()
    try:
        with file.open("rb") as body:
            await store.write("film", body, size_bytes=len(FIRST) * 8, content_type="video/mp4")
            await store.multipart.write_part(KEY, upload_id, 1, body, len(FIRST) * 8)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 8 * MIB
    assert await store.sha256("film") == hashlib.sha256(FIRST * 8).hexdigest()
    assert (await store.head("film")).token is None
    assert [part.size_bytes for part in await store.multipart.parts(KEY, upload_id)] == [len(FIRST) * 8]


async def test_a_file_of_another_length_is_not_sent(store, upload_id):
    with pytest.raises(ValueError, match="10 bytes, not 9"):
        await store.write("k", io.BytesIO(b"0123456789"), size_bytes=9, content_type="video/mp4")
    with pytest.raises(ValueError, match="10 bytes, not 11"):
        await store.multipart.write_part(KEY, upload_id, 1, io.BytesIO(b"0123456789"), 11)
    assert await store.keys_under("") == []


@pytest.mark.parametrize("fault", [503, Cut.BEFORE, Cut.AFTER], ids=str)
async def test_a_part_is_sent_again_from_its_beginning(store, config, upload_id, fault):
    """A request that failed, or whose answer was lost, is repeated with all of its bytes."""
    with proxy_of(config.endpoint, config.endpoint) as proxy:
        proxy.faults["PUT"] = [fault]
        through = ObjectStore(replace(config, endpoint=proxy.origin))
        await through.multipart.write_part(KEY, upload_id, 1, io.BytesIO(FIRST), len(FIRST))
        through.close()

    assert proxy.names == ["PUT", "PUT"]
    await store.multipart.assemble(KEY, upload_id, await store.multipart.parts(KEY, upload_id))
    assert await bytes_of(store) == FIRST


async def test_a_store_that_is_down_is_unavailable(config):
    down = ObjectStore(replace(config, endpoint=f"http://127.0.0.1:{free_port()}"))
    for attempt in (
        down.multipart.begin(KEY, content_type="video/mp4", token="t"),
        down.multipart.parts(KEY, "u"),
        down.multipart.write_part(KEY, "u", 1, io.BytesIO(b"x"), 1),
        down.multipart.assemble(KEY, "u", []),
        down.multipart.abort(KEY, "u"),
        down.multipart.abort_all(KEY),
        down.write(KEY, io.BytesIO(b"x"), size_bytes=1, content_type="video/mp4"),
    ):
        with pytest.raises(ServiceUnavailable):
            await attempt
    down.close()
