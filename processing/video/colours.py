"""What the values of a video's frames mean, by their code points (ITU-T H.273), and how every screen shows them."""

from dataclasses import dataclass

from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc

# How much light a value means, where that is more than a screen of everybody's gives (ITU-R BT.2100).
HIGH_RANGES = frozenset({ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67})
# Primaries of more colours than such a screen shows.
WIDE = frozenset({ColorPrimaries.BT2020, ColorPrimaries.SMPTE431, ColorPrimaries.SMPTE432})
RGB, BT709, BT601, BT2020 = 0, 1, 6, 9  # matrices
MATRICES = frozenset({BT709, 4, 5, BT601, 7, BT2020})  # that FFmpeg's scaler knows
LINES_OF_HD = 720
# Light is reckoned with as browsers do, by the curve of a screen and not of a camera.
CONVERSION = ("colorspace=all=bt709:range=tv:trc=srgb:itrc=srgb", "setparams=color_trc=bt709")


@dataclass(frozen=True, slots=True)
class Colours:
    """Three code points. Primaries and transfer that a screen's own are near to count as these."""

    matrix: int = BT709
    primaries: int = ColorPrimaries.BT709
    transfer: int = ColorTrc.BT709

    @property
    def are_high(self) -> bool:
        """Whether they have a high dynamic range, which most screens and players have not: PQ or HLG."""
        return self.transfer in HIGH_RANGES

    @property
    def filter(self) -> str:
        """The filter that tells them of every frame."""
        return f"setparams=colorspace={self.matrix}:color_primaries={self.primaries}:color_trc={self.transfer}"

    @property
    def conversion(self) -> tuple[str, ...]:
        """The filters after which all is as every screen shows it; none where it is, nor where the range is high."""
        is_usual = self.primaries not in WIDE and self.matrix in {RGB, BT709}
        return () if self.are_high or is_usual else CONVERSION


def colours_of(frame: VideoFrame) -> Colours:
    """Those that a frame tells; for what it does not tell, those that players take."""
    return Colours(
        matrix=_matrix(frame),
        primaries=frame.color_primaries if frame.color_primaries in WIDE else ColorPrimaries.BT709,
        transfer=frame.color_trc if frame.color_trc in HIGH_RANGES else ColorTrc.BT709,
    )


def _matrix(frame: VideoFrame) -> int:
    """Without being told, that of its primaries if they have one, else that of HD from 720 lines up, of SD below."""
    if frame.format.is_rgb:
        return RGB
    if frame.colorspace in MATRICES:
        return frame.colorspace
    if frame.color_primaries == ColorPrimaries.BT2020:
        return BT2020
    return BT709 if frame.height >= LINES_OF_HD else BT601
