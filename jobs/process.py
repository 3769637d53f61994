"""After completion: make the renditions of a media and publish them, or say why there are none.

One attempt writes its renditions under keys of its own, and one statement publishes them all, or all of one step for a
video. Whoever dies in between leaves objects that no row names; every run ends with taking such away, those of earlier
and of overtaken runs too.
"""

from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import structlog

from contracts.media import Purpose
from contracts.processing import Stage
from jobs.job import JobContext, job
from jobs.long_audio import duration_of_long, limits_of, longest_run
from jobs.renditions import BEGUN_AT, NO_FACTS, Columns, Overtaken, as_json, facts_of, note, publish
from jobs.videos import make_it_play
from media.cleanup import tidy
from media.turns import SHORT, enqueue_processing, has_poster, lane_of, turn
from processing.detect import detect
from processing.failures import ProcessingFailed, Reason
from processing.protocol import Outcome
from processing.registry import VIDEOS
from processing.sandbox.child import own_folder, processed
from sql.rows import MediaIdRow, MediaRow
from storage.bucket import ObjectMissing

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.process")

PROCESSING_ATTEMPTS = 3  # at what may pass by itself: a run that took too long, or crashed
ATTEMPTS_IN_SHORT_LANES = 2  # at what took too long, though others wait
ATTEMPTS_WHEN_KILLED = 6  # until the others that needed the memory have ended, further apart each time


@job
async def process_media(ctx: JobContext, media_id: UUID) -> str:
    """Make a completed media ready, or failed with a reason; then what its row does not name goes from storage."""
    media = await ctx.db.one(MediaRow, "begin_processing", id=media_id, run=uuid4(), now=ctx.now)
    if media is not None:
        async with turn(ctx.db, media):
            await _process(ctx, media)
    left = await tidy(ctx.db, ctx.store, media_id)
    return left.state if left else "gone"


async def enqueue_lost(ctx: JobContext, media: MediaRow) -> bool:
    """Have a media processed that the queue has forgotten: whether it had."""
    async with ctx.db.transaction() as tx:
        lost = await tx.one(MediaIdRow, "find_lost_processing", id=media.id, task=process_media.name)
        if lost is not None:
            await enqueue_processing(tx, media)
    return lost is not None


async def _process(ctx: JobContext, media: MediaRow) -> None:
    try:
        with suppress(Overtaken):
            await _make(ctx, media)
    except ProcessingFailed as failed:
        if failed.may_pass and media.failures + 1 < _attempts(media, failed.reason):
            await ctx.db.run("count_failure", id=media.id, run=media.run)
            raise
        log.warning("media failed", media_id=str(media.id), code=failed.code)
        changes = {"error_code": failed.code, "error_reason": failed.sentence}
        await ctx.db.one(MediaRow, "mark_failed", id=media.id, run=media.run, now=ctx.now, **changes)


def _attempts(media: MediaRow, reason: Reason) -> int:
    if reason == Reason.KILLED:
        return ATTEMPTS_WHEN_KILLED
    is_held_up = reason == Reason.TIMED_OUT and lane_of(media) in SHORT
    return ATTEMPTS_IN_SHORT_LANES if is_held_up else PROCESSING_ATTEMPTS


async def _make(ctx: JobContext, media: MediaRow) -> None:
    """From the original in storage to a media that is ready, through files in folders that go with this run."""
    assert media.original_key
    with own_folder() as folder:
        source = folder / "original"
        try:
            await ctx.store.fetch(media.original_key, source)
        except ObjectMissing:
            raise ProcessingFailed(Reason.ORIGINAL_MISSING) from None
        if has_poster(media):
            await make_it_play(ctx, media, source, _type_of(source))
        else:
            await _show(ctx, media, source)


async def _show(ctx: JobContext, media: MediaRow, source: Path) -> None:
    """What is to be seen of an original, once it is known to be clean."""
    if ctx.scanner:
        await note(ctx, media, Stage.SCANNING)
        await ctx.scanner.require_clean(source)
    mime_type = _type_of(source)
    await note(ctx, media, Stage.RENDERING)
    show = _show_video if mime_type in VIDEOS else _render
    await show(ctx, media, source, mime_type)


async def _show_video(ctx: JobContext, media: MediaRow, source: Path, mime_type: str) -> None:
    """Show a video by its poster, and have it made to play when it is its owner's turn at that."""
    async with processed(source, mime_type, policy=ctx.policy) as outcome:
        renditions = await publish(ctx, media, outcome.files)
    await _await_turn(ctx, media, renditions, facts_of(outcome.facts))


async def _await_turn(ctx: JobContext, media: MediaRow, renditions: list[Columns], facts: Columns) -> None:
    changes = {"renditions": as_json(renditions), "progress": BEGUN_AT[Stage.ENCODING], "now": ctx.now, **facts}
    async with ctx.db.transaction() as tx:
        waiting = await tx.one(MediaRow, "await_next_run", id=media.id, run=media.run, **changes)
        if waiting is not None:
            await enqueue_processing(tx, waiting)


async def _render(ctx: JobContext, media: MediaRow, source: Path, mime_type: str) -> None:
    square, longest = media.purpose == Purpose.PROFILE, longest_run(media)
    limits = limits_of(media, mime_type)
    async with processed(
        source, mime_type, limits=limits, square=square, most_seconds=longest, policy=ctx.policy
    ) as outcome:
        if outcome.files:
            await _finish(ctx, media, outcome)
        else:
            await _await_turn(ctx, media, [], NO_FACTS | {"duration": duration_of_long(media, outcome)})


async def _finish(ctx: JobContext, media: MediaRow, outcome: Outcome) -> None:
    await note(ctx, media, Stage.PUBLISHING)
    changes = {"renditions": as_json(await publish(ctx, media, outcome.files)), **facts_of(outcome.facts)}
    await ctx.db.one(MediaRow, "mark_ready", id=media.id, run=media.run, now=ctx.now, **changes)


def _type_of(source: Path) -> str:
    """What the bytes are, whatever was declared."""
    with source.open("rb") as file:
        return detect(file) or ""
