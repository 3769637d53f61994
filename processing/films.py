"""The processor of video: a film becomes facts, a poster, and the poster's thumbnails."""

from contracts.renditions import POSTER, THUMBNAILS
from processing.appearance import placeholder
from processing.failures import Reason
from processing.ffmpeg import refusing
from processing.film import Film, bounded, open_film, require_bounds, turn_of, upright
from processing.libvips import Image
from processing.records import Facts, Outcome, Shown, Task, Tell, unheard
from processing.renditions import full_size, thumbnails

POSTER_AT = 0.1  # of the film: past a black beginning
LARGEST = THUMBNAILS[-1]


def process(task: Task, _tell: Tell = unheard) -> Outcome:
    """Look at the header, then decode as far as the poster."""
    with open_film(task.source, task.mime_type) as film, refusing(Reason.VIDEO_DAMAGED):
        require_bounds(film, task.policy)
        frame = bounded(film.still(POSTER_AT), task.policy)
        picture = upright(film, frame).copy_memory()
    thumbs = thumbnails(picture.thumbnail_image(LARGEST, height=LARGEST, size="down"), task.folder)
    stand_in, dominant = placeholder(Image.new_from_file(thumbs[0].path))
    facts = Facts(
        shown=_shown(film, turn_of(frame), stand_in, dominant),
        width=picture.width,
        height=picture.height,
        duration=round(film.duration, 3) or None,
    )
    return Outcome(facts=facts, files=(*thumbs, full_size(picture, task.folder, POSTER)))


def _shown(film: Film, rotation: int, stand_in: str, dominant: str) -> Shown:
    return Shown(
        codec=film.codec,
        bitrate=film.bitrate,
        fps=film.fps,
        has_audio=film.sound is not None,
        rotation=rotation,
        placeholder=stand_in,
        dominant_color=dominant,
    )
