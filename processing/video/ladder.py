"""The ladder of a video: one run of ffmpeg that makes an MP4 and an HLS rendition of every quality.

It decodes once. Keyframes stand at the same moments in all of them, so that a player can change the quality at any
segment (RFC 8216, 6.2.4). What both forms of a quality hold was encoded once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from contracts.renditions import QUALITIES
from processing.detect.crop import Crop
from processing.ffmpeg import DEMUXERS
from processing.video.colours import Colours

SEGMENT_SECONDS = 4
MOST_THREADS = 12  # of each decoder and encoder: every one holds frames, and there is a bound to their memory
MIN_RATE, USUAL_RATE, MAX_RATE = 10, 30, 60  # frames a second
HARDLY_LESS = 0.95
# The most bits a second of the image.
BITRATES = dict(zip(QUALITIES, (800_000, 2_800_000, 5_000_000, 14_000_000), strict=True))
# Image and sound begin and end together and have no holes: a player of segments waits for what is not there.
STEADY_IMAGE = "start_time=0,tpad=stop=-1:stop_mode=clone"
# What is missing of the sound is silent from a hundredth of a second on, so that it is never that much too early.
STEADY_SOUND = "aresample=async=1:min_hard_comp=0.01:first_pts=0,apad"
# What every screen shows, and what players are told of it.
USUAL_MATRIX = "out_color_matrix=bt709:out_range=tv"
USUAL_RANGE = f"out_primaries=bt709:out_transfer=bt709:{USUAL_MATRIX}"
TOLD = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
WHOLE_FRAMES = "bwdif=mode=send_frame:deint=interlaced"
# Without the captions that may stand between frames.
IMAGE = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high", "-a53cc", "0")
# Nowhere else: at no cut, and not after so many frames.
KEYFRAMES = f"expr:isnan(prev_forced_t)+gte(t,prev_forced_t+{SEGMENT_SECONDS})"
SOUND = ("-c:a", "aac", "-ac", "2", "-ar", "48000", "-b:a", "128k")


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality of a video: even sides in pixels, and bits a second."""

    side: int
    width: int
    height: int
    bitrate: int

    @property
    def mp4(self) -> str:
        """The name of its MP4."""
        return f"mp4-{self.side}p"

    @property
    def playlist(self) -> str:
        """The name of its playlist, with which those of its segments begin."""
        return f"hls-{self.side}p"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of ffmpeg: `source` becomes these rungs.

    `image` and `sound` are the numbers of its streams, no frame has more than `most_pixels`, `rate` is in frames a
    second, `seconds` of all of it, `cores` those that it keeps at work. `downmix` is for channels that have no places.
    Whatever its `colours`, it comes out in those that every screen has.
    """

    source: Path
    mime_type: str
    rungs: tuple[Rung, ...]
    image: int
    sound: int | None
    rate: Fraction
    seconds: float
    cores: int
    most_pixels: int
    downmix: str | None = None
    colours: Colours = Colours()
    interlaced: bool = False
    crop: Crop | None = None


def rungs(width: int, height: int) -> tuple[Rung, ...]:
    """Those that a video of this size gets, none larger than it; the lowest in any case, in its own size if smaller."""
    shorter = min(width, height)
    fitting = [side for side in QUALITIES if side <= shorter] or [QUALITIES[0]]
    return tuple(_rung(side, Fraction(min(side, shorter), shorter), width, height) for side in fitting)


def _rung(side: int, scale: Fraction, width: int, height: int) -> Rung:
    return Rung(side, _even(width * scale), _even(height * scale), BITRATES[side])


def _even(length: Fraction) -> int:
    return max(2, int(length) // 2 * 2)


def steady(base: Fraction | None, average: float | None) -> Fraction:
    """The rate that the frames of a ladder come at; `base` is the one at whose moments those of the video stand.

    Where frames come as they like it can be as fine as a clock, and a slow one would leave no place for keyframes. One
    that is guessed from the first frames may be lower than that of all of them.
    """
    if base and max(MIN_RATE, HARDLY_LESS * (average or 0)) <= base <= MAX_RATE:
        return base
    return Fraction(MAX_RATE if average and average > USUAL_RATE else USUAL_RATE)


def threads(cores: int) -> int:
    """How many threads keep so many cores at work: as many as x264 would take, up to a bound."""
    return min(MOST_THREADS, cores + cores // 2)


def command(ffmpeg: str, run: Run) -> list[str]:
    """What is run in the folder that its files go to; it says on its standard output how far it is."""
    at_once = str(threads(run.cores))
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-progress", "pipe:1", "-stats_period", "0.5"),
        *("-threads", at_once, "-apply_cropping", "codec", "-protocol_whitelist", "file"),
        *("-max_pixels", str(run.most_pixels), "-f", DEMUXERS[run.mime_type], "-i", str(run.source)),
        *("-filter_complex_threads", at_once, "-filter_complex", _filters(run)),
        *(word for place, rung in enumerate(run.rungs) for word in ("-threads", at_once, *_output(place, rung, run))),
    ]


def _filters(run: Run) -> str:
    inputs = "".join(f"[in{place}]" for place in range(len(run.rungs)))
    split = f"[0:{run.image}]{','.join(_steps(run))},split={len(run.rungs)}{inputs}"
    scaled = (
        f"[in{place}]scale={rung.width}:{rung.height}:{USUAL_MATRIX},setsar=1,format=yuv420p[out{place}]"
        for place, rung in enumerate(run.rungs)
    )
    return ";".join((split, *scaled))


def _steps(run: Run) -> Iterator[str]:
    """What is done once for all of them, to no more pixels than there will be."""
    top = run.rungs[-1]
    yield run.colours.filter
    if run.crop:
        yield run.crop.filter
    if run.interlaced:
        yield WHOLE_FRAMES
    yield f"fps={run.rate}:{STEADY_IMAGE}"
    if run.colours.are_high:
        yield f"scale={top.width}:{top.height}:{USUAL_RANGE}"
    if run.colours.conversion:
        yield from (f"scale={top.width}:{top.height}", *run.colours.conversion)


def _of_sound(run: Run) -> str:
    return f"{run.downmix},{STEADY_SOUND}" if run.downmix else STEADY_SOUND


def _output(place: int, rung: Rung, run: Run) -> list[str]:
    segments = (
        f"f=hls:hls_time={SEGMENT_SECONDS}:hls_playlist_type=vod:hls_segment_type=fmp4:hls_flags=independent_segments"
        f":hls_fmp4_init_filename={rung.playlist}-init.mp4:hls_segment_filename={rung.playlist}-%05d.m4s"
        # An edit list would tell that something begins before 0, and players of segments do not read it.
        ":avoid_negative_ts=disabled"
    )
    return [
        *("-map", f"[out{place}]", *(() if run.sound is None else ("-map", f"0:{run.sound}"))),
        *("-t", f"{run.seconds:.6f}"),
        *("-fps_mode", "vfr", *IMAGE, *TOLD),
        *("-maxrate", str(rung.bitrate), "-bufsize", str(2 * rung.bitrate)),
        *("-force_key_frames", KEYFRAMES, "-sc_threshold", "0", "-g", "9999"),
        *(() if run.sound is None else ("-af", _of_sound(run), *SOUND)),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags", "+global_header"),
        *("-f", "tee", f"[{segments}]{rung.playlist}.m3u8|[f=mp4:movflags=+faststart]{rung.mp4}.mp4"),
    ]
