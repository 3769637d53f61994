"""The processor of video: a film becomes facts, a poster, and the poster's thumbnails."""

from contracts.renditions import POSTER, THUMBNAILS
from processing.failures import Reason
from processing.ffmpeg import refusing
from processing.image.libvips import Image
from processing.image.placeholder import placeholder
from processing.image.renditions import full_size, thumbnails
from processing.protocol import Facts, Loss, Outcome, Shown, Task, Tell, unheard
from processing.video.extent import Extent, measured, rate_of
from processing.video.frame import Placement, cropped, upright
from processing.video.video import Film, open_film, require_size

POSTER_AT = 0.1  # of the film: past a black beginning
LARGEST = THUMBNAILS[-1]


def process(task: Task, _tell: Tell = unheard) -> Outcome:
    """Measure the film, then decode as far as the poster."""
    with open_film(task.source, task.mime_type) as film, refusing(Reason.VIDEO_DAMAGED):
        require_size(film.stream, task.policy)
        extent = measured(film, task.policy)
        frame = film.still(POSTER_AT * extent.seconds)
        require_size(frame, task.policy)
        frame = cropped(frame, film.crop)
        picture = upright(frame, film.stretch).copy_memory()
    thumbs = thumbnails(picture.thumbnail_image(LARGEST, height=LARGEST, size="down"), task.folder)
    facts = Facts(
        shown=_shown(film, extent, Placement.of(frame).turn, placeholder(Image.new_from_file(thumbs[0].path))),
        width=picture.width,
        height=picture.height,
        duration=round(extent.seconds, 3) or None,
    )
    return Outcome(facts=facts, files=(*thumbs, full_size(picture, task.folder, POSTER)))


def _shown(film: Film, extent: Extent, rotation: int, appearance: tuple[str, str]) -> Shown:
    stand_in, dominant = appearance
    return Shown(
        codec=film.codec,
        bitrate=extent.bitrate,
        fps=rate_of(film.stream, extent),
        has_audio=film.sound is not None,
        rotation=rotation,
        placeholder=stand_in,
        dominant_color=dominant,
        warnings=(Loss.SOUND_UNSUPPORTED,) if film.is_silenced else (),
    )
