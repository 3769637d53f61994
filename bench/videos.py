"""The ladder of a video: ours in its child, beside one plain run of ffmpeg with the same outputs. And its poster."""

import asyncio
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import psutil

from bench.looking import SAMPLE_SECONDS, looking, resident
from bench.report import Row
from bench.servers import worker
from bench.uploads import Uploads, require
from processing.registry import LADDERS
from processing.sandbox.child import processed

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
QUALITIES = {360: ("640:360", "800k", "1600k"), 720: ("1280:720", "2800k", "5600k"), 1080: ("1920:1080", "5M", "10M")}
SAME_BYTES = 0.02  # how far apart the sizes of the same files may be
MOST_SECONDS = 120


@dataclass(slots=True)
class Cost:
    """Of one run: seconds, and MiB at most, of the processes that it started and of this one; and what it made."""

    wall: float = 0.0
    cpu: float = 0.0
    group: float = 0.0
    parent: float = 0.0
    bytes_: int = 0


Side = Callable[[], Cost]


def make_video(path: Path, seconds: int) -> Path:
    """Something like a video: shapes and colours that move, the noise of a sensor, and a tone."""
    image = f"testsrc2=size=1920x1080:rate=30:duration={seconds},noise=alls=8:allf=t"
    encoded = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -b:v 8M -maxrate 10M -bufsize 20M -c:a aac"
    sources = ["-f", "lavfi", "-i", image, "-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={seconds}"]
    subprocess.run([FFMPEG, "-v", "error", *sources, *encoded.split(), path], check=True)  # noqa: S603 - our own
    return path


def sides(video: Path, folder: Path) -> dict[str, Side]:
    """Who makes the ladder."""
    return {"mediarpc": lambda: ours(video), "ffmpeg": lambda: plain(video, folder / "plain")}


def ours(video: Path) -> Cost:
    """As a worker makes it: in a child that may do little, checked, with progress told."""

    async def run() -> Cost:
        with _measured() as cost:
            async with processed(video, "video/mp4", processor=LADDERS) as outcome:
                cost.bytes_ = _bytes_in(outcome.files[0].path.parent)
        return cost

    return asyncio.run(run())


def plain(video: Path, folder: Path) -> Cost:
    """As one writes it by hand: each quality is encoded once, and written in both forms."""
    folder.mkdir()
    with _measured() as cost:
        subprocess.run(plain_command(video), cwd=folder, check=True)  # noqa: S603 - the command is its own
    cost.bytes_ = _bytes_in(folder)
    shutil.rmtree(folder)
    return cost


def plain_command(video: Path) -> list[str]:
    """One run of ffmpeg, in the folder that its files go to."""
    split = "[0:v]split=3" + "".join(f"[in{side}]" for side in QUALITIES)
    scaled = [f"[in{side}]scale={size}[out{side}]" for side, (size, *_) in QUALITIES.items()]
    command = [FFMPEG, "-v", "error", "-i", str(video), "-filter_complex", ";".join([split, *scaled])]
    for side, (_, rate, buffer) in QUALITIES.items():
        encoded = (
            f"-map [out{side}] -map 0:a -c:v libx264 -preset veryfast -crf 23 -profile:v high -maxrate {rate}"
            f" -bufsize {buffer} -force_key_frames expr:gte(t,n_forced*4) -sc_threshold 0 -g 9999"
            " -c:a aac -ac 2 -ar 48000 -b:a 128k -flags +global_header -f tee"
        )
        forms = (
            "[f=hls:hls_time=4:hls_playlist_type=vod:hls_segment_type=fmp4:hls_flags=independent_segments"
            f":hls_fmp4_init_filename={side}-init.mp4:hls_segment_filename={side}-%05d.m4s]{side}.m3u8"
            f"|[f=mp4:movflags=+faststart]{side}.mp4"
        )
        command += [*encoded.split(), forms]
    return command


@contextmanager
def _measured() -> Iterator[Cost]:
    """Fills in what the block and the processes that it starts take."""
    this, cost = psutil.Process(), Cost()

    def look() -> None:
        cost.parent = max(cost.parent, resident(this))
        cost.group = max(cost.group, sum(map(resident, this.children(recursive=True))))

    began, before = time.perf_counter(), _cpu_seconds()
    with looking(look):
        yield cost
    cost.wall, cost.cpu = time.perf_counter() - began, _cpu_seconds() - before


def _cpu_seconds() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def poster(video: Path) -> float:
    """Seconds from a file to the files of its poster, the child's start among them."""
    began = time.perf_counter()
    async with processed(video, "video/mp4"):
        return time.perf_counter() - began


def posters(uploads: Uploads, video: Path, count: int, folder: Path) -> list[float]:
    """Seconds from an upload's completion to the URL of its poster, through a worker that waits for it."""
    with worker(uploads.environment, folder):
        return [_published(uploads.of_another_caller(f"videos-{number}"), video) for number in range(count + 1)][1:]


def _published(uploads: Uploads, video: Path) -> float:
    media_id = uploads.bring(video)
    took = _until(lambda: uploads.call("media.getMedia", mediaId=media_id)["media"]["thumbnailUrl"])
    uploads.call("media.cancelProcessing", mediaId=media_id)
    return took


def photos_beside(uploads: Uploads, photo: Path, video: Path, count: int, folder: Path) -> dict[str, list[float]]:
    """Seconds from a photo's completion to its being ready: alone, and while the same worker encodes a video."""
    with worker(uploads.environment, folder):
        alone = [_ready(uploads.of_another_caller(f"alone-{number}"), photo) for number in range(count + 1)][1:]
        beside = [_ready_beside(uploads.of_another_caller(f"beside-{number}"), photo, video) for number in range(count)]
    return {"alone": alone, "beside": beside}


def _ready(uploads: Uploads, photo: Path) -> float:
    media_id = uploads.bring(photo)
    return _until(lambda: uploads.call("media.getMedia", mediaId=media_id)["media"]["status"] == "ready")


def _ready_beside(uploads: Uploads, photo: Path, video: Path) -> float:
    media_id = uploads.bring(video)

    def is_encoded() -> bool:
        return bool(uploads.call("media.getProcessingStatus", mediaId=media_id)["stage"] == "encoding")

    _until(is_encoded)
    took = _ready(uploads, photo)
    require(is_encoded(), "the video was done before the photo")
    uploads.call("media.cancelProcessing", mediaId=media_id)
    return took


def _until(is_there: Callable[[], object]) -> float:
    began = time.perf_counter()
    while not is_there():
        require(time.perf_counter() - began < MOST_SECONDS, "it was not there in time")
        time.sleep(SAMPLE_SECONDS)
    return time.perf_counter() - began


def rows(
    rounds: Sequence[Mapping[str, Cost]],
    alone: Sequence[float],
    published: Sequence[float],
    photos: Mapping[str, list[float]],
) -> list[Row]:
    """What a ladder costs beside the plain one, and how soon there is something to see."""
    for one in rounds:
        made, other = one["mediarpc"].bytes_, one["ffmpeg"].bytes_
        require(abs(made - other) < SAME_BYTES * other, f"not the same files: {made:,} and {other:,} bytes")

    def ratio(of: Callable[[Cost], float]) -> list[float]:
        return [of(one["mediarpc"]) / of(one["ffmpeg"]) for one in rounds]

    def each(of: Callable[[Cost], float], side: str = "mediarpc") -> list[float]:
        return [of(one[side]) for one in rounds]

    what = "HLS and MP4 in three qualities"
    return [
        Row(f"{what}: mediarpc / ffmpeg, in time", ratio(lambda cost: cost.wall), "≤ 1.1"),
        Row(f"{what}: mediarpc / ffmpeg, in work of all cores", ratio(lambda cost: cost.cpu), ""),
        Row(f"{what}: mediarpc", each(lambda cost: cost.wall), "", " s"),
        Row(f"{what}: ffmpeg", each(lambda cost: cost.wall, "ffmpeg"), "", " s"),
        Row(f"{what}: work of all cores", each(lambda cost: cost.cpu), "", " s"),
        Row("Resident memory of its child and ffmpeg", each(lambda cost: cost.group), "bounded", " MiB"),
        Row("Resident memory of ffmpeg alone", each(lambda cost: cost.group, "ffmpeg"), "", " MiB"),
        Row("Resident memory of its parent", each(lambda cost: cost.parent), "bounded", " MiB"),
        Row("The poster, in its child", list(alone), "", " s"),
        Row("The poster, from completion to its URL", list(published), "< 5 s", " s"),
        Row("A photo of 12 MP ready: while a video is encoded / alone", _ratios(photos), ""),
        Row("A photo of 12 MP ready, while a video is encoded", photos["beside"], "", " s"),
        Row("A photo of 12 MP ready, alone", photos["alone"], "", " s"),
    ]


def _ratios(photos: Mapping[str, list[float]]) -> list[float]:
    return [beside / alone for beside, alone in zip(photos["beside"], photos["alone"], strict=True)]
