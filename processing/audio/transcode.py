"""The processor of audio: a file becomes facts, a re-encoded rendition without metadata, and its waveform."""

from array import array
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.filter import Graph

from contracts.renditions import FULL
from processing.audio.audio import LastsLonger, Sound, downmix, open_sound
from processing.audio.format_changes import format_of, with_few_changes
from processing.audio.waveform import RATE, Waveform, draw, write_peaks
from processing.failures import ProcessingFailed, Reason
from processing.ffmpeg import refusing
from processing.protocol import Facts, File, Loss, Outcome, Shown, Task, Tell, unheard

FRAME = 1024  # samples in one of AAC's
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
BITRATES = {"mono": 96_000, "stereo": 160_000}
# The index before the sound, so that it plays while it loads; no name of the software.
OPTIONS = {"movflags": "faststart", "fflags": "+bitexact"}


def process(task: Task, _tell: Tell = unheard) -> Outcome:
    """Decode the audio file once, and encode and measure it as it comes."""
    try:
        return _process(task)
    except LastsLonger as longer:
        return Outcome(facts=Facts(shown=Shown(), duration=longer.seconds), files=())


def _process(task: Task) -> Outcome:
    waveform = Waveform()
    with open_sound(task.source, task.mime_type) as sound, refusing(Reason.AUDIO_DAMAGED):
        full = _encode(sound, task.folder / f"{FULL}.m4a", waveform, task.most_seconds)
        warnings = (Loss.SOUND_INCOMPLETE,) if sound.is_incomplete else ()
        shown = Shown(codec=sound.codec, bitrate=sound.bitrate, tags=sound.tags, warnings=warnings)
    samples_per_point, points = waveform.end()
    files = (full, draw(points, task.folder), write_peaks(samples_per_point, points, task.folder))
    return Outcome(facts=Facts(shown=shown, duration=full.duration), files=files)


def _encode(sound: Sound, path: Path, waveform: Waveform, most_seconds: float | None) -> File:
    """AAC in MP4, of one channel or two, at the rate of what is heard first or the next one below that AAC has."""
    frames = with_few_changes(sound.frames(most_seconds), Reason.AUDIO_DAMAGED)
    first = next(frames)
    layout = "mono" if first.layout.nb_channels == 1 else "stereo"
    rate = max((known for known in RATES if known <= first.sample_rate), default=RATES[0])
    with av.open(str(path), "w", format="ipod", options=OPTIONS) as target:
        stream = target.add_stream("aac", rate=rate, layout=layout)
        stream.bit_rate = BITRATES[layout]
        samples = 0
        for frame in _framed(chain([first], frames), waveform, layout, rate):
            samples += frame.samples
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    duration = round(samples / rate, 3)
    if not duration:
        raise ProcessingFailed(Reason.AUDIO_DAMAGED, "shorter than a millisecond")
    return File(name=FULL, path=path, mime_type="audio/mp4", size=path.stat().st_size, duration=duration)


def _framed(heard: Iterator[AudioFrame], waveform: Waveform, layout: str, rate: int) -> Iterator[AudioFrame]:
    """The frames of the encoder, all of one length but the last; the waveform hears them too."""
    quiet = AudioResampler(format="s16", layout="mono", rate=RATE)
    waiting, samples = AudioFifo(), 0
    for frame in chain(_converted(heard, layout, rate), [None]):
        if frame is not None:
            frame.pts = None
            waiting.write(frame)
        for whole in waiting.read_many(FRAME, partial=frame is None):
            whole.pts, whole.time_base = samples, Fraction(1, rate)
            samples += whole.samples
            _listen(waveform, quiet.resample(whole))
            yield whole
    _listen(waveform, quiet.resample(None))


def _converted(heard: Iterator[AudioFrame], layout: str, rate: int) -> Iterator[AudioFrame]:
    """The audio file in the encoder's format; where it changes its own, another filter goes on."""
    shape, convert, samples = None, None, 0
    for frame in _downmixed(heard):
        if format_of(frame) != shape:
            yield from convert.resample(None) if convert else ()
            shape = format_of(frame)
            convert, samples = AudioResampler(format="fltp", layout=layout, rate=rate), 0
        assert convert
        frame.pts, frame.time_base = samples, Fraction(1, frame.sample_rate)
        samples += frame.samples
        yield from convert.resample(frame)
    yield from convert.resample(None) if convert else ()


def _downmixed(sound: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """The audio file with no more channels than there are places for."""
    shape, graph = None, None
    for frame in sound:
        mix = downmix(frame.layout)
        if mix is None:
            yield frame
            continue
        if graph is None or format_of(frame) != shape:
            shape, graph = format_of(frame), _graph(frame, mix)
        graph.push(frame)
        mixed = graph.pull()
        assert isinstance(mixed, AudioFrame)
        yield mixed


def _graph(frame: AudioFrame, step: str) -> Graph:
    graph, rate = Graph(), frame.sample_rate
    layout = f"time_base=1/{rate}:sample_rate={rate}:sample_fmt={frame.format.name}:channels={frame.layout.nb_channels}"
    graph.link_nodes(graph.add("abuffer", layout), graph.add(*step.split("=", 1)), graph.add("abuffersink")).configure()
    return graph


def _listen(waveform: Waveform, frames: list[AudioFrame]) -> None:
    for frame in frames:
        waveform.hear(array("h", bytes(frame.planes[0])[: 2 * frame.samples]))
