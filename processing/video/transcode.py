"""The processor of videos that play: every quality as an MP4, and as a playlist with its segments."""

import os
import re
import subprocess
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path

import av
import imageio_ffmpeg
import m3u8
from av.container import InputContainer

from contracts.renditions import PLAYLIST_TYPE
from processing.audio.audio import downmix
from processing.audio.format_changes import with_few_changes
from processing.failures import SIGNALS, ProcessingFailed, Reason, tells_of_memory
from processing.ffmpeg import refusing
from processing.protocol import Facts, File, Outcome, Shown, Task, Tell, Variant, unheard
from processing.sandbox.confinement import die_with
from processing.video.colours import colours_of
from processing.video.extent import MOST_FRAMES, measured, require_work
from processing.video.frame import cropped, displayed
from processing.video.ladder import Run, Rung, command, rungs, steady
from processing.video.video import MICROSECONDS, open_video, require_size

LAST_LINES = 20
NICENESS = 10  # whoever waits for a photo comes first
AAC = "mp4a.40.2"
# A line of what `-progress` tells; `seconds` are in millionths.
PROGRESS = re.compile(r"(?:out_time_us=(?P<seconds>\d+)|[a-z0-9_]+=.*)$")


def process(task: Task, tell: Tell = unheard) -> Outcome:
    """Encode those qualities that are not there yet; `tell` hears how much of the video is through."""
    run = _planned(task)
    if run.rungs:
        _encode(run, task.folder, tell)
    files = tuple(file for rung in run.rungs for file in _files_of(rung, task.folder))
    longest = max((file.duration or 0 for file in files), default=0)
    return Outcome(facts=Facts(shown=Shown(), duration=longest or None), files=files)


def _planned(task: Task) -> Run:
    """What is to be run, in whole frames."""
    with refusing(Reason.VIDEO_DAMAGED), open_video(task.source, task.mime_type) as video:
        require_size(video.stream, task.policy)
        video.bound_frames(task.policy)
        extent = measured(video, task.policy)
        deque(with_few_changes(video.heard(), Reason.VIDEO_DAMAGED), maxlen=0)
        first = video.still(0.0)
        require_size(first, task.policy)
        rate = steady(video.stream.base_rate, extent.fps)
        require_work(extent, first, task.policy)
        first = cropped(first, video.crop)
        frames = max(1, round(extent.seconds * rate))
        wanted = rungs(*displayed(first, video.sample_aspect_ratio))
        return Run(
            source=task.source,
            mime_type=task.mime_type,
            rungs=tuple(rung for rung in wanted if not {rung.mp4, rung.playlist} <= set(task.made)),
            image=video.stream.index,
            sound=video.sound.index if video.sound else None,
            rate=rate,
            seconds=float(frames / rate),
            cores=task.cores,
            most_pixels=task.policy.video_side**2,
            downmix=downmix(video.sound.codec_context.layout) if video.sound else None,
            colours=colours_of(first),
            interlaced=first.interlaced_frame,
            crop=video.crop,
        )


def _encode(run: Run, folder: Path, tell: Tell) -> None:
    output, reached = deque[str](maxlen=LAST_LINES), 0.0
    ffmpeg = _ffmpeg(run, folder)
    assert ffmpeg.stdout
    with ffmpeg.stdout as lines:
        for line in lines:
            progress = PROGRESS.match(line)
            if progress is None:
                output.append(line)
            elif progress["seconds"] and float(progress["seconds"]) / MICROSECONDS > reached:
                reached = float(progress["seconds"]) / MICROSECONDS
                tell(min(1.0, reached / run.seconds))
    if status := ffmpeg.wait():
        raise _failure(status, "".join(output))
    tell(1.0)


def _ffmpeg(run: Run, folder: Path) -> "subprocess.Popen[str]":
    """The running program, which this process may not kill, and which ends with it."""
    parent = os.getpid()

    def begin() -> None:
        if sys.platform == "linux":
            die_with(parent)
        os.nice(NICENESS)

    return subprocess.Popen(  # noqa: S603 - the command is its own
        command(imageio_ffmpeg.get_ffmpeg_exe(), run),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=begin,  # noqa: PLW1509 - this process has one thread
    )


def _failure(status: int, output: str) -> ProcessingFailed:
    if tells_of_memory(output):
        return ProcessingFailed(Reason.OUT_OF_MEMORY, output)
    killed = status < 0 or "No space left" in output
    return ProcessingFailed(SIGNALS.get(-status, Reason.CRASHED if killed else Reason.VIDEO_DAMAGED), output)


def _files_of(rung: Rung, folder: Path) -> tuple[File, File]:
    """The MP4 of a quality, and its playlist."""
    mp4, playlist = folder / f"{rung.mp4}.mp4", folder / f"{rung.playlist}.m3u8"
    with refusing(Reason.VIDEO_DAMAGED), av.open(str(mp4)) as container:
        duration = round((container.duration or 0) / MICROSECONDS, 3)
        variant = _variant(container, playlist)
    if not duration:
        raise ProcessingFailed(Reason.VIDEO_DAMAGED, "nothing of it could be encoded")

    def file(name: str, path: Path, mime_type: str) -> File:
        size, width, height = path.stat().st_size, rung.width, rung.height
        return File(name=name, path=path, mime_type=mime_type, size=size, width=width, height=height, duration=duration)

    return file(rung.mp4, mp4, "video/mp4"), replace(file(rung.playlist, playlist, PLAYLIST_TYPE), variant=variant)


def _variant(mp4: InputContainer, playlist: Path) -> Variant:
    """What a master playlist says of a quality; its MP4 was encoded in the same way."""
    video = mp4.streams.video[0]
    profile = (video.codec_context.extradata or b"")[1:4].hex()  # of the AVCDecoderConfigurationRecord
    rate = round(float(video.average_rate or 0), 3) if video.frames > 1 else 0.0
    peak, average = _bits_a_second(playlist)
    return Variant(
        bandwidth=peak,
        average_bandwidth=average,
        codecs=f"avc1.{profile},{AAC}" if mp4.streams.audio else f"avc1.{profile}",
        frame_rate=rate if 0 < rate <= MOST_FRAMES else None,
    )


def _bits_a_second(playlist: Path) -> tuple[int, int]:
    """At most, in any segment, and on average."""
    segments = [
        (segment.duration, 8 * (playlist.parent / segment.uri).stat().st_size)
        for segment in m3u8.load(str(playlist)).segments
        if segment.uri and segment.duration
    ]
    if not segments:
        raise ProcessingFailed(Reason.VIDEO_DAMAGED, "no segment")
    peak = max(bits / seconds for seconds, bits in segments)
    return round(peak) or 1, round(sum(bits for _, bits in segments) / sum(seconds for seconds, _ in segments)) or 1
