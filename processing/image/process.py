"""The processor of images: a file becomes facts, re-encoded thumbnails and a full size, without metadata."""

from concurrent.futures import ThreadPoolExecutor

from contracts.renditions import THUMBNAILS
from processing.image.decode import open_image
from processing.image.exif import read_exif
from processing.image.libvips import Image, refusing_damage
from processing.image.placeholder import placeholder
from processing.image.renditions import full_size, thumbnails
from processing.protocol import Facts, Outcome, Shown, Task, Tell, unheard


def process(task: Task, _tell: Tell = unheard) -> Outcome:
    """Decode the image twice, whole and shrunken, and write what comes of it into the task's folder."""
    source_image = open_image(task.source, task.mime_type)
    with refusing_damage(), ThreadPoolExecutor(1) as threads:
        full = threads.submit(lambda: full_size(source_image.whole(), task.folder))
        thumbs = thumbnails(source_image.fitted(THUMBNAILS[-1], square=task.square), task.folder)
        stand_in, dominant = placeholder(Image.new_from_file(thumbs[0].path))
        files = (*thumbs, full.result())
    facts = Facts(
        shown=Shown(
            format=source_image.format, frames=source_image.frames, placeholder=stand_in, dominant_color=dominant
        ),
        width=source_image.width,
        height=source_image.height,
        exif=read_exif(source_image.exif, keep_location=task.policy.keep_location),
    )
    return Outcome(facts=facts, files=files)
