"""A stock `@trpc/client` brings bytes: FormData, Blob, File and Uint8Array, with the types that are written for it."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from rpc.app import AppConfig
from rpc.auth import AuthConfig
from rpc.typescript import package_files
from tests.sample_content import CONTENT, PLAIN, TAKES_BYTES
from tests.sample_procedures import listening
from tests.tokens import SECRET, token
from tests.web_app import COMPILERS

HELLO = {"size": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}
RAW = {"described": PLAIN, "filename": None, "contentType": None, "length": 5, **HELLO}
MIB = 1024 * 1024


async def test_a_stock_client_brings_bytes(web_app, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """A refusal of 64 MiB reaches it while it still sends; a raw body has no name and no type to tell."""
    large = b"0123456789abcdef" * (4 * MIB)
    (tmp_path / "large").write_bytes(large)
    (web_app.folder / "content-api.d.ts").write_text(package_files(CONTENT)["index.d.ts"])
    for compiler in COMPILERS:
        with subtests.test(compiler):
            assert web_app.compile("content.ts", compiler=compiler, types=["node"]) == ""

    config = AppConfig(auth=AuthConfig(jwt_secret=SECRET))
    async with listening(CONTENT, config=config) as url:
        order = {"url": f"{url}/rpc", "path": str(tmp_path / "large"), "token": token()}
        told = await asyncio.to_thread(web_app.answer, "content.js", **order)

    assert told == {
        "form": {
            "described": {
                **PLAIN,
                "pageTitle": "Ä",
                "pages": 3,
                "tags": ["a"],
                "coverSize": {"width": 1, "height": 2},
            },
            "filename": "grüße.txt",
            "contentType": "text/plain",
            "length": None,
            **HELLO,
        },
        "blob": RAW,
        "file": RAW,
        "array": RAW,
        "large": hashlib.sha256(large).hexdigest(),
        "largeForm": hashlib.sha256(large).hexdigest(),
        "late": [400, 1200, "pages: the fields of a form stand before its file"],
        "early": [404, 1300, "Media not found"],
        "earlyForm": [404, 1300, "Media not found"],
        "json": [
            400,
            1200,
            TAKES_BYTES,
        ],
    }
