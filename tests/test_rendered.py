"""What stands in for a child in tests gives what a child gives."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processing.protocol import Outcome
from processing.registry import LADDERS
from processing.sandbox.child import processed
from tests.at_once import at_once
from tests.media_files import photo, video
from tests.rendered import Rendered

MADE: dict[str, tuple[bytes, str, dict[str, Any]]] = {
    "photo": (photo(), "image/jpeg", {}),
    "portrait": (photo(), "image/jpeg", {"square": True}),
    "poster": (video(), "video/mp4", {}),
    "qualities": (video(), "video/mp4", {"processor": LADDERS}),
}


def said(outcome: Outcome) -> tuple[Outcome, list[list[str]]]:
    """An outcome without its folder, and which files each rendition has there."""
    files = tuple(replace(file, path=Path(file.path.name)) for file in outcome.files)
    there = [[path.name for path in (file.path, *file.segments) if path.exists()] for file in outcome.files]
    return replace(outcome, files=files), there


@pytest.mark.parametrize(("body", "mime_type", "asked"), MADE.values(), ids=MADE)
async def test_what_is_kept_is_what_a_child_makes(tmp_path, body, mime_type, asked):
    """Asked for twice at once, and again from what is kept."""
    source, kept = tmp_path / "source", tmp_path / "kept"
    source.write_bytes(body)
    kept.mkdir()
    rendered = Rendered(kept)

    async def made() -> tuple[Outcome, list[list[str]]]:
        async with rendered.processed(source, mime_type, **asked) as outcome:
            return said(outcome)

    async with processed(source, mime_type, **asked) as outcome:
        expected = said(outcome)
    assert await at_once(made(), made()) == [expected, expected]
    assert await made() == expected
