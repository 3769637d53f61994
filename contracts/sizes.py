"""Numbers of bytes as people write them: `10MiB`."""

import re

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4
_UNITS = {"": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": TIB}
_SIZE = re.compile(r"([0-9]{1,16}) ?(|KiB|MiB|GiB|TiB)")


def bytes_of(text: str) -> int:
    """`50MiB`, `1GiB` or plain bytes as a number; ValueError for all else."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError("is no size like 50MiB, 1GiB or 1048576: a whole number of bytes, KiB, MiB, GiB or TiB")
    return int(found[1]) * _UNITS[found[2]]


def size_of(number: int) -> str:
    """A number of bytes in the largest unit that it is whole in."""
    unit = next(unit for unit in reversed(_UNITS) if number % _UNITS[unit] == 0)
    return f"{number // _UNITS[unit]}{unit}"
