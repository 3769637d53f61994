"""How parts arrive: signed for again and again, each of its exact length, in any order."""

import hashlib

from procedures.media.multipart import part_bytes
from tests.in_parts.uploads import PART, SIZE, WHOLE


async def test_a_file_arrives_in_parts(begin, call, client):
    """The ticket names equal parts, storage takes them by their URLs, and what is downloaded is what was sent."""
    upload = await begin()
    assert (upload.ticket.part_size, upload.ticket.total_parts) == (PART, 3)
    assert upload.ticket.upload_id == upload.ticket.media_id

    parts = await upload.sign(1, 2, 3)
    assert [(part.part_number, part.size, part.method) for part in parts] == [
        (1, PART, "PUT"), (2, PART, "PUT"), (3, 1000, "PUT"),
    ]  # fmt: skip
    for part in parts:
        assert (await upload.put(part)).status_code == 200
    media = await upload.complete()

    assert (media.status, media.size, media.mime_type) == ("processing", SIZE, "video/mp4")
    url = (await call("media.getDownloadUrl", mediaId=upload.id)).url
    assert hashlib.sha256((await client.get(url)).content).digest() == hashlib.sha256(WHOLE).digest()


SIZES = [
    (1, None, 8 * 1024**2),
    (500 * 1024**2, None, 8 * 1024**2),
    (500 * 1024**2, 64 * 1024**2, 64 * 1024**2),
    (100_000 * 1024**2, None, 10 * 1024**2),
    (100_000 * 1024**2 + 1, None, 11 * 1024**2),
    (100_000 * 1024**2, 5 * 1024**2, 10 * 1024**2),
]


def test_parts_are_as_large_as_ten_thousand_of_them_need(subtests):
    """8 MiB or what is asked for, and whole mebibytes more where S3's number of parts would not do."""
    for size, wish, chosen in SIZES:
        with subtests.test(size=size, wish=wish):
            assert part_bytes(size, wish) == chosen
            assert -(-size // chosen) <= 10_000


async def test_parts_come_in_any_order_and_by_fresh_urls(begin):
    """The last one first, the first one by a URL that was signed a second time."""
    upload = await begin()
    (first,) = await upload.sign(1)
    (last,) = await upload.sign(3)
    (again,) = await upload.sign(1)
    (middle,) = await upload.sign(2)
    for part in (again, middle, last):
        assert (await upload.put(part)).status_code == 200
    assert first.part_number == again.part_number == 1
    assert (await upload.complete()).size == SIZE


async def test_a_part_has_its_exact_length(begin):
    """The URL of a part takes neither one byte less nor one more."""
    upload = await begin()
    (part,) = await upload.sign(1)
    for body in (upload.bytes_of(1)[:-1], upload.bytes_of(1) + b"x"):
        assert await upload.is_refused(part, body)
    assert (await upload.status()).missing_parts == [1, 2, 3]
