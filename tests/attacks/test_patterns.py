"""Regular expressions: each that the product has is known here, and those that see a stranger's bytes are tried."""

import ast
import re
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from server.dev import LOCAL_ORIGINS
from tests.attacks.growth import is_linear

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("contracts", "jobs", "procedures", "processing", "rpc", "server", "sql", "storage")
Key = tuple[str, str]  # a module, and the text of a pattern in it

# How each is used, and what it is tried with: one of these again and again, and then something that does not fit.
TRIED: dict[Key, tuple[str, tuple[str, ...]]] = {
    ("contracts/media.py", "[0-9a-f]{64}"): ("fullmatch", ("0",)),
    ("contracts/owners.py", "^[a-z][a-z0-9_-]{0,31}$"): ("search", ("a", "a-")),
    ("contracts/wire.py", "^[^\\x00\\r\\n]+$"): ("search", ("a", "\r")),
    ("processing/sandbox/child.py", "[A-Za-z0-9._-]{1,100}"): ("fullmatch", ("a", ".-")),
    (
        "processing/failures.py",
        "(?<!copy to )memory|alloc|MemoryError|creating thread|start new thread",
    ): ("search", ("copy to memory", "creating threa", "allo", "start new ")),
    ("processing/image/jpeg.py", "\\xff[\\xc0-\\xcf\\xd9-\\xfe]"): ("search", ("\xff", "\xff\0")),
    ("processing/video/transcode.py", "(?:out_time_us=(?P<seconds>\\d+)|[a-z0-9_]+=.*)$"): (
        "match",
        ("a", "1", "a=", "\n"),
    ),
    ("processing/protocol.py", "\\A[^\\x00]*\\Z"): ("search", ("a", "\n")),
    ("processing/protocol.py", "\\A[A-Za-z0-9.,]{1,60}\\Z"): ("search", ("a", ".,")),
    (
        "processing/detect/boxes.py",
        "iso[m2-9a-c]|mp4[12]|mp71|avc1|dash|cmf.|M4[VABP] |M4VH|[Ff]4[vVAB] |qt  |3g[2p].|MSNV|NDS.",
    ): ("fullmatch", ("isom", "M4")),
    ("rpc/auth.py", ":"): ("search", ("a",)),
    (
        "rpc/disposition.py",
        ';[ \\t]*(?P<name>[^\\s;="]+)[ \\t]*=[ \\t]*(?:"(?P<quoted>(?:[^"\\\\]|\\\\.)*)"|(?P<plain>[^;]*))',
    ): ("findall", (";", "; ", ";a", ";a=", ';a="', ';a="\\', "\\\\")),
    ("rpc/disposition.py", '\\\\(["\\\\])'): ("findall", ("\\", '\\"', "a")),
    ("rpc/origin.py", LOCAL_ORIGINS): ("fullmatch", ("http://localhost:", "1")),
    ("rpc/trpc/request.py", "%(?![0-9A-Fa-f]{2})"): ("search", ("%4", "%41", "%")),
    ("server/ranges.py", "bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})"): ("fullmatch", ("bytes=1-", "1")),
    ("server/playlists.py", "[0-9a-f]{8}(?:[0-9a-f]{16})?"): ("fullmatch", ("0",)),
    ("server/playlists.py", "[a-z0-9-]{1,40}[.]m3u8"): ("fullmatch", ("a", "a.m3u8")),
    ("storage/keys.py", "[^A-Za-z0-9._-]+"): ("findall", ("a", " ", "a ")),
    ("storage/playlists.py", "[A-Za-z0-9_][A-Za-z0-9._-]*"): ("fullmatch", ("a", ".")),
    ("storage/playlists.py", "[.][.]/[0-9a-f]{8}(?:[0-9a-f]{16})?/[a-z0-9-]+[.]m3u8"): (
        "fullmatch",
        ("../00000000/", "../00000000/a", "a"),
    ),
}
# These read what we, or whoever runs the server, have written.
OURS: set[Key] = {
    ("contracts/sizes.py", "([0-9]{1,16}) ?(|KiB|MiB|GiB|TiB)"),
    ("rpc/python/__init__.py", "\\w+"),
    ("rpc/python/__init__.py", "'\\$ref': '#/\\$defs/([\\w-]+)'"),
    ("rpc/python/types.py", "(?<!^)(?=[A-Z])"),
    ("rpc/python/types.py", "(?<!\\n)\\n(?![\\n-])"),
    ("rpc/typescript/package.py", "(?:type|interface) (\\w+)"),
    ("rpc/typescript/schema.py", "`([a-z]+(?:_[a-z]+)+)`"),
    ("rpc/typescript/schema.py", "[A-Za-z_$][\\w$]*|0|[1-9]\\d*"),
    ("server/embedded_postgres.py", "[\\w@%+=:./-]+"),
    ("server/settings.py", "(/[A-Za-z0-9._~-]+)+"),
    (
        "sql/__init__.py",
        "^-- name: (?P<name>\\w+) :(?P<kind>one|many|run|shared)(?P<read> read)?\\n(?P<text>.*?)(?=^-- name:|\\Z)",
    ),
}


@cache
def patterns() -> dict[Key, re.Pattern[Any]]:
    """Every pattern that a module of the product compiles."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {
        (str(path.relative_to(ROOT)), _text(compiled)): compiled
        for path in paths
        for compiled in _patterns_of(path.read_text(encoding="utf-8"))
    }


def _patterns_of(source: str) -> Iterator[re.Pattern[Any]]:
    """Those of calls of `re`, and of what models ask of text; a variable `pattern` is that of `mediarpc dev`."""
    known = {"re": re, "pattern": LOCAL_ORIGINS}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr="compile")):
                yield eval(ast.unparse(node), known)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"))):
                yield re.compile(eval(ast.unparse(node.args[0]), known))
            case ast.keyword(arg="pattern", value=told):
                yield re.compile(eval(ast.unparse(told), known))


def _text(compiled: re.Pattern[Any]) -> str:
    text: bytes | str = compiled.pattern
    return text.decode() if isinstance(text, bytes) else text


def test_every_pattern_is_known():
    """Name a new one above, and what it is tried with."""
    assert set(patterns()) == {*TRIED, *OURS}


@pytest.mark.parametrize("key", TRIED, ids=lambda key: f"{key[0]} {key[1]}")
def test_a_pattern_takes_time_in_proportion_to_what_it_reads(subtests, key):
    compiled, (use, repeated) = patterns()[key], TRIED[key]
    for text in repeated:
        with subtests.test(repeated=text):
            assert is_linear(getattr(compiled, use), partial(_pumped, compiled, text))


def _pumped(compiled: re.Pattern[Any], piece: str, size: int) -> str | bytes:
    text = piece * (size // len(piece)) + "\0!"
    return text if isinstance(compiled.pattern, str) else text.encode("latin-1")


def test_a_pattern_that_takes_longer_is_found():
    """What the test above looks for."""
    quadratic = re.compile("a+b")

    assert not is_linear(quadratic.search, lambda size: "a" * (size // 30))
