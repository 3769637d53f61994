"""Numbers of bytes as people write them: `10MiB`."""

import re
from typing import Self

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4
_UNITS = {"": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": TIB}
_SIZE = re.compile(r"(?P<count>[0-9]{1,16}) ?(?P<unit>|KiB|MiB|GiB|TiB)")


class ByteSize(int):
    """A number of bytes, which prints in the largest unit that it is whole in."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`50MiB`, `1GiB` or plain bytes; ValueError for all else."""
        found = _SIZE.fullmatch(text)
        if found is None:
            raise ValueError("is no size like 50MiB, 1GiB or 1048576: a whole number of bytes, KiB, MiB, GiB or TiB")
        return cls(int(found["count"]) * _UNITS[found["unit"]])

    def __str__(self) -> str:
        unit = next(unit for unit in reversed(_UNITS) if self % _UNITS[unit] == 0)
        return f"{self // _UNITS[unit]}{unit}"
