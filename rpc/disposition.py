"""What a Content-Disposition header says (RFC 6266, RFC 7578)."""

from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

_CHARSETS = frozenset({"utf-8", "iso-8859-1"})  # RFC 8187, and RFC 5987 before it; Python knows some that always fail


@dataclass(frozen=True, slots=True)
class Disposition:
    """The name of a form's part, and the name of the file in it."""

    name: str | None
    filename: str | None


def disposition_of(header: bytes) -> Disposition:
    """The header's parameters; one in the extended notation (`filename*`, RFC 8187) counts before the plain one."""
    message = Message()
    message["content-disposition"] = _text(header)
    said: dict[str, str] = {}
    parameters: list[tuple[str, Any]] = list(message.get_params([], "content-disposition"))[1:]
    for name, value in parameters:
        if isinstance(value, tuple):
            said[name.lower()] = _extended(value)
        else:
            said.setdefault(name.lower(), value)
    return Disposition(said.get("name"), said.get("filename"))


def _extended(value: tuple[str | None, str | None, str]) -> str:
    """The text of an extended parameter; one in any other charset is read as if it named none."""
    charset, language, text = value
    known = charset if charset is not None and charset.lower() in _CHARSETS else None
    return collapse_rfc2231_value((known, language, text))


def _text(header: bytes) -> str:
    """Browsers write UTF-8 as it is; everything else is Latin-1, as in every header."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
