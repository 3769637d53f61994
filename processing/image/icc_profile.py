"""ICC profiles of colours that an image tells of in another way: by code points, or by gamma and chromaticities."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

Pair = tuple[float, float]
Matrix = Sequence[Sequence[float]]

D65, D50 = (0.3127, 0.3290), (0.9642, 1.0, 0.8249)
# Red, green and blue by the code points of ITU-T H.273.
PRIMARIES: dict[int, tuple[Pair, Pair, Pair]] = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Transfers that browsers take for that of a screen count as this, too.
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


@dataclass(frozen=True, slots=True)
class Space:
    """Chromaticities of red, green, blue and white, and a gamma; without one, the curve of sRGB."""

    red: Pair
    green: Pair
    blue: Pair
    white: Pair = D65
    gamma: float | None = None

    def profile(self) -> bytes:
        """A profile of it (ICC.1:2022)."""
        red, green, blue = self._columns()
        curve = self._curve()
        tags = {
            b"desc": _text("colours"),
            b"cprt": _text("none"),
            b"wtpt": _xyz(D50),
            b"rXYZ": _xyz(red),
            b"gXYZ": _xyz(green),
            b"bXYZ": _xyz(blue),
            **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
        }
        return _written(tags)

    def _curve(self) -> bytes:
        if self.gamma is None:
            return struct.pack(">4s4xHxx5i", b"para", 3, *map(_fixed, SRGB))
        return struct.pack(">4s4xHxxi", b"para", 0, _fixed(self.gamma))

    def _columns(self) -> Sequence[Sequence[float]]:
        """How much of X, Y and Z each primary has, when white is D50."""
        white = _light(self.white)
        primaries = _transposed([_light(self.red), _light(self.green), _light(self.blue)])
        amounts = _times(_inverse(primaries), white)
        seen, meant = _times(BRADFORD, white), _times(BRADFORD, D50)
        cones = [[value * new / old for value in row] for row, old, new in zip(BRADFORD, seen, meant, strict=True)]
        back = _inverse(BRADFORD)
        columns = _transposed(primaries)
        return [
            _times(back, _times(cones, [part * amount for part in column]))
            for column, amount in zip(columns, amounts, strict=True)
        ]


def _written(tags: dict[bytes, bytes]) -> bytes:
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, place + len(body), len(data))
        body += padded
    size = place + len(body)
    header = struct.pack(">I4xI4s4s4s", size, 0x04400000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", *map(_fixed, D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def _xyz(light: Sequence[float]) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *map(_fixed, light))


def _fixed(value: float) -> int:
    return round(value * 65536)


def _light(point: Pair) -> tuple[float, float, float]:
    """X, Y and Z of a chromaticity, as bright as can be."""
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(one * other for one, other in zip(row, vector, strict=True)) for row in matrix]


def _transposed(matrix: Matrix) -> list[list[float]]:
    return [list(column) for column in zip(*matrix, strict=True)]


def _inverse(matrix: Matrix) -> list[list[float]]:
    """By cofactors; ZeroDivisionError where there is none."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    whole = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return [[value / whole for value in row] for row in cofactors]
