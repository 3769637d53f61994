"""An image whose header is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from processing.image.libvips import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """What a header says, and the two ways to decode the rest: whole, with all frames, or one frame made to fit a box.

    Width and height are those of one frame as it is displayed.
    """

    format: str
    width: int
    height: int
    frames: int
    exif: bytes
    whole: Callable[[], Image]
    within: Callable[[int, str], Image]

    def fitted(self, box: int, *, square: bool) -> Image:
        """One frame that fits a box, cut square around the centre or uncut, and never larger than it is."""
        side = min(box, self.width, self.height) if square else box
        return self.within(side, "centre" if square else "none")


def in_one_pass(source_image: SourceImage) -> SourceImage:
    """The same, decoded once for both ways, in whatever thread: for an image of which each decode takes seconds."""
    lock, kept = Lock(), list[Image]()

    def whole() -> Image:
        with lock:
            if not kept:
                kept.append(source_image.whole())
        return kept[0]

    def within(side: int, crop: str) -> Image:
        return whole().thumbnail_image(side, height=side, crop=crop, size="down")

    return replace(source_image, whole=whole, within=within)
