"""A multipart/form-data body (RFC 7578), parsed as it arrives: its fields, then the one file.

The file is never held: its bytes are handed on as they come, so whatever a call must know first stands before it.
"""

import logging
from dataclasses import dataclass, field
from typing import Self

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from contracts.errors import ValidationFailed
from rpc.body import Arriving
from rpc.content import Content, unreadable
from rpc.disposition import disposition_of

MAX_FIELDS = 100
MAX_TEXT_BYTES = 64 * 1024
MAX_HEADER_BYTES = 8 * 1024  # of one part
MAX_BYTES_BEFORE_FILE = 1024 * 1024
MAX_BOUNDARY_BYTES = 70  # RFC 2046
MAX_TOLD_CHARACTERS = 100  # of a name
FILE_FIELD = "file"
UNENCODED = frozenset({b"", b"7bit", b"8bit", b"binary"})

# The client is told what is wrong with its form; the log would hear of every such form.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


@dataclass(slots=True)
class _Part:
    """One part, as far as it has arrived."""

    name: str = ""
    filename: str | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict)
    header_bytes: int = 0
    header_name: bytearray = field(default_factory=bytearray)
    header_value: bytearray = field(default_factory=bytearray)
    text: bytearray = field(default_factory=bytearray)

    def end_header(self) -> None:
        self.headers[bytes(self.header_name).lower()] = bytes(self.header_value).strip(b" \t")
        self.header_name.clear()
        self.header_value.clear()

    def read_headers(self) -> None:
        disposition = disposition_of(self.headers.get(b"content-disposition", b""))
        self.filename = disposition.filename
        if not disposition.name:
            raise unreadable("", "A part of the form has no name")
        self.name = disposition.name
        if self.headers.get(b"content-transfer-encoding", b"").lower() not in UNENCODED:
            raise self.refused("its Content-Transfer-Encoding is not understood")

    @property
    def is_file(self) -> bool:
        return self.filename is not None or self.name == FILE_FIELD

    @property
    def content_type(self) -> str | None:
        return self.headers.get(b"content-type", b"").decode("latin-1") or None

    def refused(self, message: str) -> ValidationFailed:
        name = self.name[:MAX_TOLD_CHARACTERS]
        return unreadable(name, f"{name}: {message}" if name else message[0].upper() + message[1:])


class Form:
    """The fields of a form and, when they are read, the bytes of its file; ValidationFailed tells what is wrong."""

    def __init__(self, arriving: Arriving, content_type: str) -> None:
        self.fields: dict[str, str] = {}
        self._arriving = arriving
        self._part = _Part()
        self._file: _Part | None = None
        self._content: list[bytes] = []
        self._text_bytes = self._bytes_before_file = 0
        self._closed = False
        self._failure: ValidationFailed | None = None
        boundary = _boundary(content_type)
        self._epilogue = _Epilogue(boundary)
        self._parser = self._parser_of(boundary)

    async def content(self) -> Content:
        """The file, once every field before it is in `fields`."""
        while self._file is None:
            if not await self._read_on():
                raise unreadable(FILE_FIELD, "The form has no file")
        return Content(self, filename=self._file.filename or None, content_type=self._file.content_type)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next bytes of the file; it ends when the form has, and is as it should be."""
        while not self._content:
            if not await self._read_on():
                raise StopAsyncIteration
        chunk, self._content = b"".join(self._content), []
        return chunk

    async def _read_on(self) -> bool:
        """Parse what arrives next; whether there was anything. Whoever goes on after a failure is told it again."""
        if self._failure is None:
            chunk = await anext(self._arriving, b"")
            try:
                self._parse(chunk)
            except ValidationFailed as failure:
                self._failure = failure
            except FormParserError:
                self._failure = self._part.refused("the form cannot be read here")
            else:
                return bool(chunk)
        raise self._failure

    def _parse(self, chunk: bytes) -> None:
        if not chunk and not self._closed:
            raise self._part.refused("the form ends before its closing boundary")
        self._parser.write(chunk)
        self._epilogue.check(chunk)
        if self._file is None:
            self._bytes_before_file += len(chunk)
            if self._bytes_before_file > MAX_BYTES_BEFORE_FILE:
                raise self._part.refused(f"the file does not begin within {MAX_BYTES_BEFORE_FILE} bytes")

    def _parser_of(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_to_header_name,
                "on_header_value": self._add_to_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_data,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
                "on_end": self._close,
            },
            max_header_size=MAX_BYTES_BEFORE_FILE,
        )

    def _begin_part(self) -> None:
        self._part = _Part()

    def _add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._part.header_name += data[start:end]

    def _add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._part.header_value += data[start:end]

    def _count_header(self, length: int) -> None:
        self._part.header_bytes += length
        if self._part.header_bytes > MAX_HEADER_BYTES:
            raise unreadable("", f"The header of a part exceeds {MAX_HEADER_BYTES} bytes")

    def _end_header(self) -> None:
        self._part.end_header()

    def _begin_data(self) -> None:
        part = self._part
        part.read_headers()
        if self._file is not None:
            raise part.refused("a form has one file" if part.is_file else "the fields of a form stand before its file")
        if part.is_file:
            self._file = part
        elif part.name in self.fields:
            raise part.refused("the field is there twice")
        elif len(self.fields) == MAX_FIELDS:
            raise part.refused(f"a form has at most {MAX_FIELDS} fields")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is self._file:
            self._content.append(data[start:end])
            return
        self._text_bytes += end - start
        if self._text_bytes > MAX_TEXT_BYTES:
            raise self._part.refused(f"the fields of a form exceed {MAX_TEXT_BYTES} bytes")
        self._part.text += data[start:end]

    def _end_part(self) -> None:
        part = self._part
        if part is not self._file:
            try:
                self.fields[part.name] = part.text.decode()
            except UnicodeDecodeError:
                raise part.refused("the field is not UTF-8") from None

    def _close(self) -> None:
        self._closed = True


class _Epilogue:
    """What stands behind the closing boundary, which the parser passes over: a line break, or nothing."""

    def __init__(self, boundary: bytes) -> None:
        self._closing = b"\r\n--" + boundary + b"--"
        self._seen: bytes | None = None
        self._tail = b""

    def check(self, chunk: bytes) -> None:
        """ValidationFailed when it is anything else."""
        if self._seen is None:
            before, closing, behind = (self._tail + chunk).partition(self._closing)
            self._tail = before[1 - len(self._closing) :]
            self._seen = behind if closing else None
        else:
            self._seen += chunk
        if self._seen and not b"\r\n".startswith(self._seen):
            raise unreadable("", "Something stands behind the form's closing boundary")


def _boundary(content_type: str) -> bytes:
    _, parameters = parse_options_header(content_type[:MAX_HEADER_BYTES])
    boundary = parameters.get(b"boundary", b"")
    if not 1 <= len(boundary) <= MAX_BOUNDARY_BYTES:
        raise unreadable("", f"The form's boundary must have 1 to {MAX_BOUNDARY_BYTES} bytes")
    return boundary
