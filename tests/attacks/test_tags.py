"""Files with a hundred thousand tags: read in a moment, or refused as soon."""

import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from processing.failures import ProcessingFailed, Reason
from processing.protocol import Outcome, Tags
from processing.registry import LADDERS, Processor
from processing.sandbox.child import processed
from tests.attacks import tags
from tests.attacks.tags import AUDIOS, VIDEOS
from tests.audio_files import audio_file

MANY = 100_000
SECONDS = 5.0  # of the processor's time, of which the child takes one to begin and one is its patience


@contextmanager
def soon() -> Iterator[None]:
    """Fails when the children of the block took long."""
    begun = _seconds()
    yield
    assert _seconds() - begun < SECONDS


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


Made = Callable[..., Awaitable[Outcome | Reason]]


@pytest.fixture
def made(tmp_path) -> Made:
    """Process bytes in a child, soon: the outcome, or why there is none."""

    async def make(body: bytes, mime_type: str, processor: Processor | None = None) -> Outcome | Reason:
        source = tmp_path / "source"
        source.write_bytes(body)
        try:
            with soon():
                async with processed(source, mime_type, processor=processor) as outcome:
                    return outcome
        except ProcessingFailed as failed:
            return failed.reason

    return make


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("count", [10, MANY])
async def test_an_mp3_is_heard_whatever_tags_it_has(made, count, version):
    """Those that stand first are told."""
    outcome = await made(tags.mp3(count, version), "audio/mpeg")

    assert isinstance(outcome, Outcome)
    assert outcome.facts.shown.tags == Tags(title="Harbour", artist="The Gulls")


@pytest.mark.parametrize("kind", AUDIOS)
async def test_an_audio_of_more_tags_than_anybody_reads_is_refused_soon(made, kind):
    make, mime_type = AUDIOS[kind]

    assert await made(make(MANY), mime_type) == Reason.TOO_MUCH_WORK


@pytest.mark.parametrize("kind", VIDEOS)
async def test_a_video_of_more_tags_than_anybody_reads_is_refused_soon(made, kind):
    """By what makes its poster, and by what would make it play."""
    make, mime_type = VIDEOS[kind]
    body = make(MANY)

    assert await made(body, mime_type) == Reason.TOO_MUCH_WORK
    assert await made(body, mime_type, LADDERS) == Reason.TOO_MUCH_WORK


@pytest.mark.parametrize("kind", [*AUDIOS, *VIDEOS])
async def test_a_thousand_tags_are_no_harm(made, kind):
    make, mime_type = {**AUDIOS, **VIDEOS}[kind]

    assert isinstance(await made(make(1000), mime_type), Outcome)


ODD = {
    "a tag of another version": b"ID3\x05\0\0" + bytes(4),
    "half a header": b"ID3\x04",
    "a tag that is longer than the file": b"ID3\x04\0\0" + b"\x7f" * 4 + b"TXXX\0\0\0\x01\0\0\0" * 1000,
    "a frame that is longer than the tag": b"ID3\x03\0\0\0\0\x08\0" + b"TXXX" + b"\xff" * 4 + bytes(1016),
    "frames of nothing": b"ID3\x03\0\0\0\0\x7f\x7f" + b"TXXX\0\0\0\0\0\0" * 1638 + bytes(3),
}


@pytest.mark.parametrize("tag", ODD.values(), ids=ODD)
async def test_an_odd_tag_is_no_harm(made, tag):
    """The sound behind it is heard, or there is none."""
    found = await made(tag + audio_file("mp3", tags=()), "audio/mpeg")

    assert isinstance(found, Outcome) or found == Reason.AUDIO_DAMAGED
