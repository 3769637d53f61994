"""The colours of renditions beside those that Chromium paints of the originals, patch by patch."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from processing.image import process as images
from processing.protocol import File, Task
from processing.video import poster as videos
from tests import test_colours, test_still_colours
from tests.node import PACKAGE, node_with_packages
from tests.played import laddered, named
from tests.test_still_colours import AVIFS, PNGS
from tests.web_app import SOURCES

CLOSE = 10  # of 255, in the channel that differs most: both round, and videos store colours coarsely
Colours = list[list[int]]
Paint = Callable[..., list[Colours]]


@pytest.fixture(scope="module")
def paint(browser, tmp_path_factory) -> Paint:
    """The colours that Chromium paints of files, each with its type."""
    node = node_with_packages()
    folder = tmp_path_factory.mktemp("colours")
    for name in ("colours.mjs", "opened.mjs"):
        shutil.copy2(SOURCES / name, folder)
    (folder / "node_modules").symlink_to(PACKAGE / "node_modules")

    def run(*files: tuple[Path, str]) -> list[Colours]:
        order = {"browser": browser, "files": [{"path": str(path), "type": kind} for path, kind in files]}
        ran = node.run("node", "colours.mjs", json.dumps(order), cwd=folder)
        assert (ran.returncode, ran.stderr) == (0, "")
        colours: list[Colours] = json.loads(ran.stdout)
        return colours

    return run


def assert_alike(right: Colours, colours: Colours, name: str) -> None:
    for patch, colour in zip(right, colours, strict=True):
        assert colour == pytest.approx(patch, abs=CLOSE), (name, right, colours)


def stills(folder: Path) -> dict[str, tuple[Path, str]]:
    """A file of each kind, and its type."""
    bodies = {f"{kind}.png": body for kind, (body, _) in PNGS.items()}
    bodies |= {f"{kind}.avif": test_still_colours.avif(folder, kind) for kind in AVIFS}
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    return {name: (folder / name, f"image/{name.rpartition('.')[2]}") for name in bodies}


def renditions_of(source: Path, mime_type: str) -> list[File]:
    folder = source.with_name(f"renditions of {source.name}")
    folder.mkdir()
    return list(images.process(Task(source=source, mime_type=mime_type, folder=folder)).files)


def test_a_still_is_shown_as_chromium_shows_its_original(subtests, paint, tmp_path):
    """In every size; all of them are painted by one page."""
    originals = stills(tmp_path)
    renditions = [(name, file) for name, original in originals.items() for file in renditions_of(*original)]

    painted = paint(*originals.values(), *((file.path, file.mime_type) for _, file in renditions))

    right = dict(zip(originals, painted, strict=False))
    for (name, file), colours in zip(renditions, painted[len(originals) :], strict=True):
        with subtests.test(original=name, rendition=file.name):
            assert_alike(right[name], colours, file.name)


@pytest.mark.parametrize("kind", test_colours.VIDEOS)
def test_a_video_is_shown_as_chromium_shows_its_original(paint, tmp_path, kind):
    """By its poster and by every quality."""
    body, source = test_colours.clip(*test_colours.VIDEOS[kind]), tmp_path / "source"
    source.write_bytes(body)
    poster = named(videos.process(Task(source=source, mime_type="video/mp4", folder=tmp_path)), "poster")
    qualities = [file for file in laddered(tmp_path / "played", body).files if file.mime_type == "video/mp4"]
    renditions = [poster, *qualities]

    right, *found = paint((source, "video/mp4"), *((file.path, file.mime_type) for file in renditions))

    for file, colours in zip(renditions, found, strict=True):
        assert_alike(right, colours, file.name)
