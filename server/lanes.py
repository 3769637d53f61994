"""How many files a worker processes at once, in the memory and on the cores that there are."""

from dataclasses import dataclass
from typing import Self

from processing.sandbox.cgroup import cores, memory_bytes
from server.settings import Settings

MIB = 1024 * 1024
# What each takes as a rule, with what it starts, as measured in docs/performance.md: a photo of up to 24 megapixels, a
# recording, the poster of a film of up to 1080p, such a film. Larger ones take more.
IMAGE_BYTES = 200 * MIB
AUDIO_BYTES = 80 * MIB
POSTER_BYTES = 100 * MIB
VIDEO_BYTES = 540 * MIB
WORKER_BYTES = 120 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """How many images, recordings, posters and films are processed at once; long recordings are as many again."""

    images: int
    recordings: int
    posters: int
    films: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As settings say; unset, an image per core, as far as the memory goes that the others leave."""
        others = cls(
            images=0,
            recordings=settings.audio_concurrency,
            posters=settings.poster_concurrency,
            films=settings.video_concurrency,
        )
        fitting = max(1, (memory_bytes() - others.memory_bytes) // IMAGE_BYTES)
        return cls(
            images=settings.image_concurrency or min(cores(), fitting),
            recordings=others.recordings,
            posters=others.posters,
            films=others.films,
        )

    @property
    def memory_bytes(self) -> int:
        """What they and their worker take as a rule."""
        pictures = self.images * IMAGE_BYTES + self.posters * POSTER_BYTES
        recordings = 2 * self.recordings * AUDIO_BYTES
        return WORKER_BYTES + pictures + recordings + self.films * VIDEO_BYTES
