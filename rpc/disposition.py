"""What a Content-Disposition header says (RFC 6266, RFC 7578)."""

from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any


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
            said[name.lower()] = collapse_rfc2231_value(value)
        else:
            said.setdefault(name.lower(), value)
    return Disposition(said.get("name"), said.get("filename"))


def _text(header: bytes) -> str:
    """Browsers write UTF-8 as it is; everything else is Latin-1, as in every header."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
