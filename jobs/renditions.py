"""From files that a child made to objects in the public bucket, and how a media's row tells of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from contracts.processing import Stage
from jobs.job import JobContext
from processing.protocol import Facts, File
from sql.rows import MediaIdRow, MediaRow
from storage.keys import new_attempt, rendition_key

# The percent that are done when a stage begins.
BEGUN_AT = {Stage.SCANNING: 10, Stage.RENDERING: 20, Stage.ENCODING: 30, Stage.PUBLISHING: 80}

Columns = dict[str, Any]

# What is known of a file stays as it is.
NO_FACTS: Columns = dict.fromkeys(("metadata", "exif", "width", "height", "duration"))


class Overtaken(Exception):
    """A run counts no more: another is at its media, or nobody is to be."""


async def note(ctx: JobContext, media: MediaRow, stage: Stage, progress: int | None = None) -> None:
    """Say what this run is at; how far it is falls never. Raises Overtaken."""
    percent = BEGUN_AT[stage] if progress is None else progress
    changes = {"stage": stage, "progress": percent, "now": ctx.now}
    if await ctx.db.one(MediaIdRow, "note_stage", id=media.id, run=media.run, **changes) is None:
        raise Overtaken


async def publish(ctx: JobContext, media: MediaRow, files: Iterable[File]) -> list[Columns]:
    """Send renditions to the public bucket, a playlist after what it names, under keys that nobody has had before."""
    attempt, renditions = new_attempt(), []
    for file in files:
        segments = file.segments
        for path in (*segments, file.path):
            await ctx.store.public.publish(rendition_key(media.id, attempt, path.name), path)
        renditions.append(_described(file, rendition_key(media.id, attempt, file.path.name), segments))
    return renditions


def facts_of(facts: Facts) -> Columns:
    """What is known of a file, as the statements take it."""
    return {
        "metadata": msgspec.json.encode(facts.shown).decode(),
        "exif": msgspec.json.encode(facts.exif).decode(),
        "width": facts.width,
        "height": facts.height,
        "duration": facts.duration,
    }


def as_json(renditions: list[Columns]) -> str:
    """Renditions as the row has them."""
    return msgspec.json.encode(renditions).decode()


def _described(file: File, key: str, segments: list[Path]) -> Columns:
    described = {
        "name": file.name,
        "key": key,
        "mime_type": file.mime_type,
        "size_bytes": file.size + sum(segment.stat().st_size for segment in segments),
        "width": file.width,
        "height": file.height,
        "duration": file.duration,
    }
    return described if file.variant is None else {**described, "variant": msgspec.to_builtins(file.variant)}
