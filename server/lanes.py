"""How many files a worker processes at once, in the memory and on the cores that there are."""

from dataclasses import dataclass
from typing import Self

from processing.sandbox.cgroup import cores, memory_bytes
from server.settings import Settings

MIB = 1024 * 1024
# What each takes as a rule, with what it starts, as measured in docs/performance.md: a photo of up to 24 megapixels, a
# audio file, the poster of a video of up to 1080p, such a video. Larger ones take more.
IMAGE_BYTES = 200 * MIB
AUDIO_BYTES = 80 * MIB
POSTER_BYTES = 100 * MIB
VIDEO_BYTES = 540 * MIB
WORKER_BYTES = 120 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """How many images, audio files, posters and videos are processed at once; long audio files are as many again."""

    images: int
    audio_files: int
    posters: int
    videos: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As settings say; unset, an image per core, as far as the memory goes that the others leave."""
        others = cls(
            images=0,
            audio_files=settings.audio_concurrency,
            posters=settings.poster_concurrency,
            videos=settings.video_concurrency,
        )
        fitting = max(1, (memory_bytes() - others.memory_bytes) // IMAGE_BYTES)
        return cls(
            images=settings.image_concurrency or min(cores(), fitting),
            audio_files=others.audio_files,
            posters=others.posters,
            videos=others.videos,
        )

    @property
    def memory_bytes(self) -> int:
        """What they and their worker take as a rule."""
        images = self.images * IMAGE_BYTES + self.posters * POSTER_BYTES
        audio_files = 2 * self.audio_files * AUDIO_BYTES
        return WORKER_BYTES + images + audio_files + self.videos * VIDEO_BYTES
