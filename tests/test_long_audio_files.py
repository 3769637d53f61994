"""A long audio file is processed in a run of its own, for which no short one waits."""

import psycopg
import pytest
from msgspec.structs import replace

from jobs import long_audio
from jobs.long_audio import limits_of
from media import turns
from media.turns import LONG_AUDIO
from sql.rows import MediaRow
from tests.attacks.flac import RATE, audio_file_of
from tests.audio_files import audio_file

AUDIO = {"filename": "talk.m4a", "contentType": "audio/mp4"}
SECONDS = 3.0


@pytest.fixture
def rendered_once() -> None:
    """Every job asks a child of its own: what it leaves for later is the subject here."""


@pytest.fixture
def long_from(monkeypatch):
    """Have audio files of so many seconds be long."""

    def have(seconds):
        for module in (long_audio, turns):
            monkeypatch.setattr(module, "LONG_SECONDS", seconds)

    return have


@pytest.fixture
def computed_quickly(monkeypatch):
    """Have an audio file take two seconds of the processor at the most."""
    monkeypatch.setattr(long_audio, "CPU_SECONDS", 1)
    monkeypatch.setattr(long_audio, "CPU_SLOWEST", 1_000_000)


@pytest.fixture
def runs(database_url):
    """In which lanes audio files have been processed, how often."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "create table runs (queue text);"
            "create function note_run() returns trigger language plpgsql as"
            " $$begin insert into runs values (new.queue_name); return new; end$$;"
            "create trigger note_run before update on procrastinate_jobs for each row"
            " when (new.status = 'doing' and old.status = 'todo') execute function note_run()"
        )
        yield lambda: [queue for (queue,) in connection.execute("select queue from runs").fetchall()]


async def test_a_long_audio_waits_for_its_turn_among_such(completed_media, run_pending, call, long_from, runs):
    long_from(SECONDS - 1)
    media = await completed_media(audio_file("m4a", seconds=SECONDS), **AUDIO)

    await run_pending()

    assert [queue for queue in runs() if queue != "default"] == ["audio", LONG_AUDIO]
    status = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (status.status, status.attempts) == ("ready", 1)
    ready = (await call("media.getMedia", mediaId=str(media.id))).media
    assert [rendition.name for rendition in ready.renditions] == ["full", "waveform", "peaks"]
    assert ready.duration == pytest.approx(SECONDS, abs=0.1)


async def test_a_short_one_is_ready_after_one_run(completed_media, run_pending, call, long_from, runs):
    long_from(SECONDS + 1)
    media = await completed_media(audio_file("m4a", seconds=SECONDS), **AUDIO)

    await run_pending()

    assert [queue for queue in runs() if queue != "default"] == ["audio"]
    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "ready"


async def test_a_child_that_leaves_it_for_later_again_has_failed(
    completed_media, run_pending, call, long_from, runs, monkeypatch
):
    """One that was taken over would have it processed for ever."""
    long_from(SECONDS - 1)
    monkeypatch.setattr("jobs.process.longest_run", lambda media: SECONDS - 1)
    media = await completed_media(audio_file("m4a", seconds=SECONDS), **AUDIO)

    await run_pending()

    status = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (status.status, status.attempts) == ("processing", 1)
    assert [queue for queue in runs() if queue != "default"] == ["audio", LONG_AUDIO]


async def test_a_short_one_that_takes_too_much_computing_is_not_tried_again(
    completed_media, run_pending, call, jobs, computed_quickly
):
    """Two hundred thousand frames, of a minute, for which others would wait."""
    media = await completed_media(audio_file_of([RATE] * 200_000), filename="talk.oga", contentType="audio/ogg")

    await run_pending()

    status = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (status.status, status.attempts, status.error.code) == ("failed", 1, "too_much_work")
    assert jobs() == []


@pytest.mark.parametrize(("seconds", "computing"), [(None, 60), (600, 60), (3600, 210), (4 * 3600, 600)])
async def test_an_audio_has_computing_time_in_proportion_to_what_is_heard(
    completed_media, resources, seconds, computing
):
    media = await completed_media(audio_file("m4a"), **AUDIO)
    row = await resources.db.one(MediaRow, "read_media", id=media.id)

    assert limits_of(replace(row, duration=seconds), "audio/mp4").cpu_seconds == computing
