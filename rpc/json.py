"""Bytes to JSON values and back: strict (no NaN, no BOM, no broken UTF-8), integers kept exact whatever their size."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from pydantic import BaseModel

MAX_DEPTH = 512
MAX_BRACKETS = 20_000
MAX_COMMAS = 50_000

_SEVERAL = (list, dict)


def _float(text: str) -> float:
    """A number with a fraction or an exponent; msgspec's own way takes forty times as long for one near the limits."""
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(float_hook=_float)


# JSON text that stands in a value to be encoded as it is.
Written = msgspec.Raw


class ParseError(ValueError):
    """The bytes are not JSON."""


def decode(body: bytes) -> Any:
    """The value that `body` writes; ParseError when it is not JSON, is nested too deep, or holds too many values."""
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > MAX_BRACKETS or body.count(b",") > MAX_COMMAS:
        raise ParseError
    try:
        value = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError from error
    if brackets > MAX_DEPTH and nested_too_deep(value):
        raise ParseError
    return value


def nested_too_deep(value: Any) -> bool:
    """Whether arrays and objects stand deeper in each other than `MAX_DEPTH`.

    The decoder's own limit is Python's, and differs between its versions.
    """
    level = [value] if isinstance(value, _SEVERAL) else []
    for _ in range(MAX_DEPTH):
        level = [member for several in level for member in _members(several) if isinstance(member, _SEVERAL)]
    return bool(level)


def _members(several: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return several.values() if isinstance(several, dict) else several


def encode(value: Any) -> bytes:
    """The JSON text of a value."""
    return _encoder.encode(value)


def written(answer: BaseModel) -> Written:
    """A model's JSON text, under its members' wire names: as its serializer makes it, in bytes."""
    return Written(answer.__pydantic_serializer__.to_json(answer, by_alias=True))
