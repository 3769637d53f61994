"""Bytes to JSON values and back: strict (no NaN, no BOM, no broken UTF-8), integers kept exact whatever their size."""

from typing import Any

import msgspec
from pydantic import BaseModel

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


# JSON text that stands in a value to be encoded as it is.
Written = msgspec.Raw


class ParseError(ValueError):
    """The bytes are not JSON."""


def decode(body: bytes) -> Any:
    """The value that `body` writes; ParseError when it is not JSON, or nested deeper than a parser should follow."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError from error


def encode(value: Any) -> bytes:
    """The JSON text of a value."""
    return _encoder.encode(value)


def written(answer: BaseModel) -> Written:
    """A model's JSON text, under its members' wire names."""
    return Written(answer.model_dump_json(by_alias=True).encode())
