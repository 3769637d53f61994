"""Signed GETs of originals: how long they are good, what they are called, and what is shown in a page."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.multipart import parse_content_disposition

from contracts.errors import RenditionNotFound, UploadPending, ValidationFailed
from contracts.formats import FORMATS
from storage.presign import disposition
from tests.media_files import photo, video

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LAST = NOON + timedelta(minutes=15, microseconds=-1)


@pytest.fixture
def url_at(call):
    """A media's download URL and what its record says, at a timestamp."""

    async def ask(media_id, now, **params):
        told = await call("media.getDownloadUrl", mediaId=str(media_id), now=now, **params)
        shown = await call("media.getMedia", mediaId=str(media_id), now=now)
        return told, shown.media.url

    return ask


async def test_the_original_is_downloaded_under_its_own_name(ready_media, call, client):
    body = photo(33, 44)
    media = await ready_media(body, filename="مرحبا.jpg")

    told = await call("media.getDownloadUrl", mediaId=str(media.id))

    answer = await client.get(told.url)
    assert answer.content == body
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"file.jpg\"; filename*=UTF-8''%D9%85%D8%B1%D8%AD%D8%A8%D8%A7.jpg"
    )
    assert answer.headers["cache-control"] == "private, no-store"


async def test_there_is_nothing_to_download_before_completion(arrived_upload, call):
    ticket = await arrived_upload()
    with pytest.raises(UploadPending):
        await call("media.getDownloadUrl", mediaId=str(ticket.media_id))


async def test_an_unknown_rendition_is_not_found(ready_media, call):
    media = await ready_media()
    with pytest.raises(RenditionNotFound) as refused:
        await call("media.getDownloadUrl", mediaId=str(media.id), rendition="thumb1500")
    assert refused.value.details == {"rendition": "thumb1500"}


async def test_a_url_is_the_same_for_a_quarter_of_an_hour(ready_media, url_at):
    """A page that asks again need not load it again; then there is another, and only then. A rendition's never ends."""
    media = await ready_media(video(), contentType="video/mp4")

    first, *same = [await url_at(media.id, timestamp) for timestamp in (NOON, NOON + timedelta(minutes=7), LAST)]
    after = await url_at(media.id, NOON + timedelta(minutes=15))

    assert same == [first, first]
    assert first[0].url != first[1]
    assert after[0].url != first[0].url
    assert after[1] == first[1]


async def test_every_kind_of_listing_has_the_same_url(ready_media, call):
    media = await ready_media(video(), contentType="video/mp4")
    found = (await call("media.getMedia", mediaId=str(media.id), now=NOON)).media.url
    assert [item.url for item in (await call("media.listMedia", now=LAST)).items] == [found]


@pytest.mark.parametrize("timestamp", [NOON, NOON + timedelta(minutes=7), LAST])
async def test_a_url_that_is_handed_out_is_good_for_another_quarter(ready_media, url_at, timestamp):
    """`expiresAt` is when the signature ends, to the second, and never sooner than in 15 minutes."""
    told, _ = await url_at((await ready_media()).id, timestamp)

    signed = {name: values[0] for name, values in parse_qs(urlsplit(told.url).query).items()}
    assert (signed["X-Amz-Date"], signed["X-Amz-Expires"]) == ("20260102T120000Z", "1800")
    assert told.expires_at == datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
    assert told.expires_at - timestamp >= timedelta(minutes=15)


async def test_the_store_keeps_to_what_was_told(ready_media, call, client):
    """Almost 15 minutes after it was handed out a URL still brings the bytes; after 30 it brings none."""
    media = await ready_media(photo())
    now = datetime.now(UTC)
    old, older = [
        (await call("media.getDownloadUrl", mediaId=str(media.id), now=now - timedelta(seconds=age))).url
        for age in (870, 1801)
    ]

    assert (await client.get(old)).content == photo()
    assert (await client.get(older)).status_code in {400, 403}


async def test_a_neutral_name_is_the_id_and_the_type(ready_media, call, client):
    """Nothing of the name that the uploader gave, not even its extension."""
    media = await ready_media(photo(), filename="Ada at home.JPEG")

    told = await call("media.getDownloadUrl", mediaId=str(media.id), filename="neutral")

    answer = await client.get(told.url)
    assert answer.content == photo()
    assert answer.headers["content-disposition"] == (
        f"attachment; filename=\"{media.id}.jpg\"; filename*=UTF-8''{media.id}.jpg"
    )


NAMING: list[dict[str, Any]] = [
    {"filename": "mine.jpg"},
    {"filename": ""},
    {"filename": None},
    {"inline": "true"},
    {"inline": 1},
]


async def test_nobody_names_a_download_but_the_server(subtests, ready_media, call):
    media = await ready_media()
    for params in NAMING:
        with subtests.test(params=params):
            with pytest.raises(ValidationFailed) as refused:
                await call("media.getDownloadUrl", mediaId=str(media.id), **params)
            assert refused.value.field == next(iter(params))


@pytest.mark.parametrize(("asked", "disposition"), [(True, "inline"), (False, "attachment")])
async def test_an_image_is_shown_in_a_page_when_asked_for(ready_media, call, client, asked, disposition):
    media = await ready_media(photo(), filename="photo.jpg")

    told = await call("media.getDownloadUrl", mediaId=str(media.id), inline=asked)

    answer = await client.get(told.url)
    assert answer.headers["content-disposition"] == (
        f"{disposition}; filename=\"photo.jpg\"; filename*=UTF-8''photo.jpg"
    )
    assert answer.headers["content-type"] == "image/jpeg"


def test_what_browsers_show_by_themselves_is_listed():
    """Every other type is saved, whatever is asked; one that is added is so until somebody says otherwise."""
    assert [accepted.content_type for accepted in FORMATS.values() if accepted.inline] == [
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/webp",
        "image/avif",
        "video/mp4",
        "video/webm",
        "audio/mpeg",
        "audio/wav",
        "audio/mp4",
        "audio/aac",
        "audio/flac",
        "audio/ogg",
        "audio/webm",
    ]


@pytest.mark.parametrize(
    ("brand", "declared", "content_type", "extension"),
    [
        (b"heic", "image/heic", "image/heic", "heic"),
        (b"heic", "image/heif", "image/heic", "heic"),
        (b"qt  ", "video/quicktime", "video/quicktime", "mov"),
    ],
)
async def test_every_other_type_is_saved(url_at, client, completed_media, brand, declared, content_type, extension):
    """Whatever is asked, and under `url` of a video's record too."""
    body = b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + brand + b"\0" * 100
    media = await completed_media(body, contentType=declared)

    told, url = await url_at(media.id, datetime.now(UTC), inline=True, filename="neutral")

    shown = [(url, "photo.jpg")] if url else []
    for address, name in ((told.url, f"{media.id}.{extension}"), *shown):
        answer = await client.get(address)
        assert answer.headers["content-disposition"] == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
        assert answer.headers["content-type"] == content_type


NAMES = {
    "plain.jpg": "plain.jpg",
    "a b.jpg": "a-b.jpg",
    'a"; filename="evil.exe': "a-filename-evil.exe",
    "a\\.jpg": "a.jpg",
    "a\r\nset-cookie: b=c.jpg": "a-set-cookie-b-c.jpg",
    "100%41.jpg": "100-41.jpg",
    "%22.jpg": "22.jpg",
    "a';b*.jpg": "a-b.jpg",
    "naïve.jpg": "naive.jpg",
    "写真.jpg": "file.jpg",
    "صورة.jpg": "file.jpg",
    "🏖️": "file",
    "..": "file",
    ".htaccess": "file.htaccess",
    "a\u2028b\x7f\x00.jpg": "ab.jpg",
}


def test_no_name_breaks_out_of_its_header(subtests):
    """A parser of RFC 6266 reads the name itself, one that knows ASCII alone a slug, and neither anything else."""
    for (name, slug), (inline, kind) in product(NAMES.items(), ((True, "inline"), (False, "attachment"))):
        with subtests.test(name=name, kind=kind):
            header = disposition(name, inline=inline)

            assert header.isascii()
            assert header.isprintable()
            assert parse_content_disposition(header) == (kind, {"filename": slug, "filename*": name})
            assert header.startswith(f"{kind}; filename=\"{slug}\"; filename*=UTF-8''")
