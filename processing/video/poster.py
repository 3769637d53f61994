"""The processor of video: a video becomes facts, a poster, and the poster's thumbnails."""

from contracts.renditions import POSTER, THUMBNAILS
from processing.failures import Reason
from processing.ffmpeg import refusing
from processing.image.libvips import Image
from processing.image.placeholder import placeholder
from processing.image.renditions import full_size, thumbnails
from processing.protocol import Facts, Loss, Outcome, Shown, Task, Tell, unheard
from processing.video.extent import Extent, measured, rate_of
from processing.video.frame import Placement, cropped, upright
from processing.video.video import Video, open_video, require_size

POSTER_AT = 0.1  # of the video: past a black beginning
LARGEST = THUMBNAILS[-1]


def process(task: Task, _tell: Tell = unheard) -> Outcome:
    """Measure the video, then decode as far as the poster."""
    with open_video(task.source, task.mime_type) as video, refusing(Reason.VIDEO_DAMAGED):
        require_size(video.stream, task.policy)
        video.bound_frames(task.policy)
        extent = measured(video, task.policy)
        frame = video.still(POSTER_AT * extent.seconds)
        require_size(frame, task.policy)
        frame = cropped(frame, video.crop)
        image = upright(frame, video.sample_aspect_ratio).copy_memory()
    thumbs = thumbnails(image.thumbnail_image(LARGEST, height=LARGEST, size="down"), task.folder)
    facts = Facts(
        shown=_shown(video, extent, Placement.of(frame).turn, placeholder(Image.new_from_file(thumbs[0].path))),
        width=image.width,
        height=image.height,
        duration=round(extent.seconds, 3) or None,
    )
    return Outcome(facts=facts, files=(*thumbs, full_size(image, task.folder, POSTER)))


def _shown(video: Video, extent: Extent, rotation: int, placeholder: tuple[str, str]) -> Shown:
    stand_in, dominant = placeholder
    return Shown(
        codec=video.codec,
        bitrate=extent.bitrate,
        fps=rate_of(video.stream, extent),
        has_audio=video.sound is not None,
        rotation=rotation,
        placeholder=stand_in,
        dominant_color=dominant,
        warnings=(Loss.SOUND_UNSUPPORTED,) if video.is_silenced else (),
    )
