"""What a Content-Disposition header says (RFC 6266, RFC 7578)."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_CHARSETS = frozenset({"utf-8", "iso-8859-1"})  # RFC 8187, and RFC 5987 before it; Python knows some that always fail
_PARAMETER = re.compile(
    r';[ \t]*(?P<name>[^\s;="]+)[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^;]*))', re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Disposition:
    """The name of a form's part, and the name of the file in it."""

    name: str | None
    filename: str | None


def disposition_of(header: bytes) -> Disposition:
    """The header's parameters; one in the extended notation (`filename*`, RFC 8187) counts before the plain one."""
    parameters: dict[str, str] = {}
    for found in _PARAMETER.finditer(_text(header)):
        parameters.setdefault(found["name"].lower(), _value(found))
    extended = {name.removesuffix("*"): _extended(value) for name, value in parameters.items() if name.endswith("*")}
    all_parameters = parameters | extended
    return Disposition(all_parameters.get("name"), all_parameters.get("filename"))


def _value(found: re.Match[str]) -> str:
    """The text between the quotes; only quotes and backslashes are escaped, and not by every browser."""
    return found["plain"].strip() if found["quoted"] is None else _ESCAPED.sub(r"\1", found["quoted"])


def _extended(value: str) -> str:
    """The text of an extended parameter; one in any other charset is read as if it named none."""
    charset, _, rest = value.partition("'")
    _, separator, text = rest.partition("'")
    known = charset.lower() if charset.lower() in _CHARSETS else "ascii"
    return unquote(text if separator else value, encoding=known)


def _text(header: bytes) -> str:
    """Browsers write UTF-8 as it is; everything else is Latin-1, as in every header."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
