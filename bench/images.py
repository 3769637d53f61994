"""Four thumbnails of a photo of 12 megapixels: ours beside sharp's and Pillow's, in the same sizes and quality."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from bench.report import Row
from bench.servers import PEER
from contracts.renditions import THUMBNAILS
from processing.image.decode import open_image
from processing.image.libvips import Image as Vips
from processing.image.renditions import THUMBNAIL_EFFORT, THUMBNAIL_QUALITY, thumbnails
from processing.sandbox.child import processed

WIDTH, HEIGHT = 4032, 3024
LARGEST = THUMBNAILS[-1]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run, in milliseconds."""

    wall: float
    cpu: float


Side = Callable[[], Cost]


def make_photo(path: Path) -> Path:
    """Something like a photo: large shapes, small ones, and the noise of a sensor."""
    channels = [
        Vips.perlin(WIDTH, HEIGHT, cell_size=512, seed=seed) * 60
        + Vips.perlin(WIDTH, HEIGHT, cell_size=48, seed=seed + 1) * 30
        + Vips.gaussnoise(WIDTH, HEIGHT, sigma=6, mean=120, seed=seed + 2)
        for seed in (1, 11, 21)
    ]
    image = channels[0].bandjoin(channels[1:]).cast("uchar").copy(interpretation="srgb")
    image.jpegsave(str(path), Q=88)
    return path


@contextmanager
def sides(photo: Path, folder: Path) -> Iterator[dict[str, Side]]:
    """Who makes the thumbnails; sharp only where it is installed."""
    with ExitStack() as stack:
        found: dict[str, Side] = {"mediarpc": lambda: _timed(lambda: ours(photo, folder))}
        if (PEER / "node_modules" / "sharp").is_dir():
            found["sharp"] = stack.enter_context(_sharp(photo, folder))
        found["Pillow"] = lambda: _timed(lambda: pillow(photo, folder))
        found["Pillow, sharing its decode"] = lambda: _timed(lambda: pillow_sharing(photo, folder))
        yield found


def ours(photo: Path, folder: Path) -> None:
    """As `processing.image.process` makes them."""
    thumbnails(open_image(photo, "image/jpeg").fitted(LARGEST, square=False), folder)


def pillow(photo: Path, folder: Path) -> None:
    """As its handbook has it: each thumbnail from the file. It decodes no more of it than it needs, as sharp does."""
    for size in THUMBNAILS:
        with Image.open(photo) as image:
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            _save(ImageOps.exif_transpose(image), size, folder)


def pillow_sharing(photo: Path, folder: Path) -> None:
    """As we do it: from one shrunken decode, each thumbnail from the one before."""
    with Image.open(photo) as opened:
        opened.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        image = ImageOps.exif_transpose(opened)
        for size in reversed(THUMBNAILS):
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            _save(image, size, folder)


def _save(image: Image.Image, size: int, folder: Path) -> None:
    image.save(folder / f"pillow-{size}.webp", quality=THUMBNAIL_QUALITY, method=THUMBNAIL_EFFORT)


@contextmanager
def _sharp(photo: Path, folder: Path) -> Iterator[Side]:
    told = [photo, folder, THUMBNAIL_QUALITY, THUMBNAIL_EFFORT, *THUMBNAILS]
    with subprocess.Popen(  # noqa: S603 - the command is its own
        ["node", PEER / "thumbnails.mjs", *map(str, told)],  # noqa: S607 - the machine's
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as node:
        assert node.stdin
        assert node.stdout
        asked, answers = node.stdin, node.stdout

        def run() -> Cost:
            asked.write("\n")
            return Cost(**json.loads(answers.readline()))

        yield run
        asked.close()


def _timed(run: Callable[[], None]) -> Cost:
    started, before = time.perf_counter(), time.process_time()
    run()
    return Cost(wall=(time.perf_counter() - started) * 1000, cpu=(time.process_time() - before) * 1000)


async def whole(photo: Path) -> float:
    """Milliseconds from a file to all its renditions, the child's start among them."""
    started = time.perf_counter()
    async with processed(photo, "image/jpeg"):
        return (time.perf_counter() - started) * 1000


def rows(rounds: Sequence[Mapping[str, Cost]], wholes: Sequence[float]) -> list[Row]:
    """What thumbnails cost beside others, and a photo by itself."""
    what = "Four thumbnails of 12 MP"
    asked = {"sharp": "≤ 1.0", "Pillow": "≤ 0.6", "Pillow, sharing its decode": ""}
    found = []
    for other in (other for other in asked if other in rounds[0]):
        in_time = [one["mediarpc"].wall / one[other].wall for one in rounds]
        in_work = [one["mediarpc"].cpu / one[other].cpu for one in rounds]
        found.append(Row(f"{what}: mediarpc / {other}, in time", in_time, asked[other]))
        found.append(Row(f"{what}: mediarpc / {other}, in work of all cores", in_work, ""))
    found += [Row(f"{what}: {side}", [one[side].wall for one in rounds], "", " ms") for side in rounds[0]]
    return [*found, Row("A photo of 12 MP, all renditions, in its child", list(wholes), "", " ms")]
