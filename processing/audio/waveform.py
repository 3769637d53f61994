"""How loud an audio file is from moment to moment: as numbers for players that draw, and as an image."""

import json
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from contracts.renditions import PEAKS, WAVEFORM
from processing.protocol import File

RATE = 8000  # samples a second are plenty to see how loud it is
SAMPLES = 128  # of each point, until there are too many points
POINTS = 1000  # at most in the end
WIDTH, HEIGHT = 1200, 240
COLOUR = (96, 110, 130, 255)

Point = tuple[int, int]


@dataclass(slots=True)
class Waveform:
    """The least and the most of each stretch of samples, 16 bits with a sign, 8000 a second."""

    points: list[Point] = field(default_factory=list)
    rest: "array[int]" = field(default_factory=lambda: array("h"))

    def hear(self, samples: "array[int]") -> None:
        """Go on with these."""
        self.rest.extend(samples)
        whole = len(self.rest) // SAMPLES * SAMPLES
        self.points += [_range(self.rest[at : at + SAMPLES]) for at in range(0, whole, SAMPLES)]
        del self.rest[:whole]

    def end(self) -> tuple[int, list[Point]]:
        """How many samples a point stands for, and the points."""
        # A resampler may keep all of the shortest audio files to itself.
        points = [*self.points, _range(self.rest)] if self.rest else self.points or [(0, 0)]
        joined = -(-len(points) // POINTS)
        return joined * SAMPLES, [_span(points[at : at + joined]) for at in range(0, len(points), joined)]


def _range(samples: "array[int]") -> Point:
    return min(samples), max(samples)


def _span(points: Iterable[Point]) -> Point:
    lows, highs = zip(*points, strict=True)
    return min(lows), max(highs)


def write_peaks(samples_per_point: int, points: list[Point], folder: Path) -> File:
    """The numbers as JSON of the form that audiowaveform writes and players read: 8 bits, least and most in turn."""
    data = [value >> 8 for point in points for value in point]
    document = {
        "version": 2,
        "channels": 1,
        "sample_rate": RATE,
        "samples_per_pixel": samples_per_point,
        "bits": 8,
        "length": len(points),
        "data": data,
    }
    path = folder / f"{PEAKS}.json"
    path.write_text(json.dumps(document, separators=(",", ":")), encoding="ascii")
    return File(name=PEAKS, path=path, mime_type="application/json", size=path.stat().st_size)


def draw(points: list[Point], folder: Path) -> File:
    """A bar for each point, around the middle, on nothing; the loudest is as high as the image."""
    image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    loudest = max(1, *(max(-low, high) for low, high in points))
    for place, (low, high) in enumerate(points):
        left, right = place * WIDTH // len(points), (place + 1) * WIDTH // len(points) - 1
        top, bottom = (round((0.5 - value / loudest / 2) * (HEIGHT - 1)) for value in (high, low))
        pen.rectangle((left, top, max(left, right), bottom), fill=COLOUR)
    path = folder / f"{WAVEFORM}.webp"
    image.save(path, "WEBP", lossless=True, method=2)
    return File(name=WAVEFORM, path=path, mime_type="image/webp", size=path.stat().st_size, width=WIDTH, height=HEIGHT)
