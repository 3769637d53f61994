"""A video that is shown by its poster is made to play, quality by quality.

What is published is in the row at once: a run that takes over from one that died makes only what is not there.
"""

import asyncio
from pathlib import Path

from contracts.processing import Stage
from contracts.renditions import MASTER, OF_VIDEO, PLAYLIST_TYPE
from jobs.job import JobContext
from jobs.renditions import BEGUN_AT, NO_FACTS, Columns, Overtaken, as_json, note, publish
from processing.failures import ProcessingFailed, Reason
from processing.protocol import File, Outcome
from processing.registry import LADDERS, Limits
from processing.sandbox.child import own_folder, processed
from sql.rows import MediaRow
from storage.playlists import MAX_BYTES, PlaylistDamaged, master_playlist, read_own

ENCODED_AT = BEGUN_AT[Stage.PUBLISHING]
ENCODING_SECONDS, SLOWEST = 120, 30  # what encoding a video may take, and for each second of it besides


async def make_it_play(ctx: JobContext, media: MediaRow, source: Path, mime_type: str) -> None:
    """Publish the qualities that a video lacks, and make it ready. Raises Overtaken."""
    await note(ctx, media, Stage.ENCODING)
    async with processed(
        source,
        mime_type,
        processor=LADDERS,
        tell=_Progress(ctx, media).tell,
        limits=_limits(ctx, media),
        made=_names(media),
        policy=ctx.policy,
    ) as outcome:
        media = await _publish_qualities(ctx, media, outcome)
    await _finish(ctx, media, {**NO_FACTS, "duration": outcome.facts.duration})


def _limits(ctx: JobContext, media: MediaRow) -> Limits:
    seconds = media.duration or ctx.policy.video_seconds
    return LADDERS.limits.within(ENCODING_SECONDS + SLOWEST * seconds)


class _Progress:
    """Says how far the encoder is, percent by percent."""

    def __init__(self, ctx: JobContext, media: MediaRow) -> None:
        self._ctx = ctx
        self._media = media
        self._percent = BEGUN_AT[Stage.ENCODING]

    async def tell(self, done: float) -> None:
        start = BEGUN_AT[Stage.ENCODING]
        percent = start + int(done * (ENCODED_AT - start))
        if percent > self._percent:
            self._percent = percent
            await note(self._ctx, self._media, Stage.ENCODING, percent)


async def _publish_qualities(ctx: JobContext, media: MediaRow, outcome: Outcome) -> MediaRow:
    """Each of them whole, its MP4 and its playlist, and in the row before the next."""
    await asyncio.to_thread(_require_own, outcome.files)
    qualities = [outcome.files[at : at + 2] for at in range(0, len(outcome.files), 2)]
    for number, files in enumerate(qualities):
        await note(ctx, media, Stage.PUBLISHING, ENCODED_AT + (100 - ENCODED_AT) * number // len(qualities))
        media = await _add(ctx, media, files)
    return media


def _require_own(files: tuple[File, ...]) -> None:
    """Have no player sent elsewhere: a child that a video took over can have written any playlist."""
    try:
        for file in files:
            if file.variant:
                with file.path.open(encoding="utf-8") as playlist:
                    read_own(playlist.read(MAX_BYTES + 1))
    except (PlaylistDamaged, UnicodeDecodeError) as error:
        raise ProcessingFailed(Reason.CRASHED, "a playlist of another's") from error


async def _add(ctx: JobContext, media: MediaRow, files: tuple[File, ...]) -> MediaRow:
    renditions = as_json(await publish(ctx, media, files))
    row = await ctx.db.one(MediaRow, "add_renditions", id=media.id, run=media.run, renditions=renditions, now=ctx.now)
    if row is None:
        raise Overtaken
    return row


async def _finish(ctx: JobContext, media: MediaRow, facts: Columns) -> None:
    """One playlist of all qualities, and the media is ready."""
    qualities = [rendition for rendition in media.renditions if rendition.get("variant")]
    with own_folder() as folder:
        path = folder / f"{MASTER}.m3u8"
        path.write_text(master_playlist(qualities), encoding="utf-8")
        file = File(name=MASTER, path=path, mime_type=PLAYLIST_TYPE, size=path.stat().st_size)
        renditions = sorted((*media.renditions, *await publish(ctx, media, [file])), key=_place)
    changes = {"renditions": as_json(renditions), "now": ctx.now, **facts}
    await ctx.db.one(MediaRow, "mark_ready", id=media.id, run=media.run, **changes)


def _names(media: MediaRow) -> tuple[str, ...]:
    return tuple(rendition["name"] for rendition in media.renditions)


def _place(rendition: Columns) -> tuple[int, int]:
    """The fixed order: images, MP4s from the lowest, then what makes up HLS."""
    name = rendition["name"]
    return (OF_VIDEO.index(name) if name in OF_VIDEO else len(OF_VIDEO), rendition["height"] or 0)
