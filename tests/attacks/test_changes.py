"""Sound may change its format with every frame, and each change costs more than what is heard: it is refused soon."""

import pytest

from processing.audio import transcode as audio_files
from processing.audio.format_changes import MOST_CHANGES
from processing.failures import ProcessingFailed, Reason
from processing.protocol import Outcome, Task
from processing.video import transcode as ladders
from tests.attacks.flac import alternating, audio_file_of, clip_with

FRAMES = 20  # of each format: enough to be heard


@pytest.fixture
def task(tmp_path):
    """A task with these bytes."""

    def have(body: bytes, mime_type: str) -> Task:
        source = tmp_path / "source"
        source.write_bytes(body)
        return Task(source=source, mime_type=mime_type, folder=tmp_path)

    return have


def test_an_audio_that_changes_its_format_again_and_again_is_damaged(task):
    with pytest.raises(ProcessingFailed) as failed:
        audio_files.process(task(audio_file_of(alternating(MOST_CHANGES + 1, FRAMES)), "audio/ogg"))

    assert failed.value.reason == Reason.AUDIO_DAMAGED
    assert "format" in failed.value.detail


def test_an_audio_that_changes_its_format_now_and_then_is_heard_to_its_end(task):
    rates = alternating(MOST_CHANGES, FRAMES)

    outcome = audio_files.process(task(audio_file_of(rates), "audio/ogg"))

    assert outcome.facts.duration == pytest.approx(sum(16 / rate for rate in rates), rel=0.05)


def test_a_video_whose_sound_changes_its_format_again_and_again_is_damaged(task):
    with pytest.raises(ProcessingFailed) as failed:
        ladders.process(task(clip_with(alternating(MOST_CHANGES + 1, 1)), "video/mp4"))

    assert failed.value.reason == Reason.VIDEO_DAMAGED
    assert "format" in failed.value.detail


def test_a_video_whose_sound_changes_its_format_now_and_then_plays(task):
    assert isinstance(ladders.process(task(clip_with(alternating(MOST_CHANGES, 1)), "video/mp4")), Outcome)
