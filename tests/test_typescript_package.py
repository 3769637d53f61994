"""The npm package as its users get it: packed, installed, compiled against."""

import json
import re
import tarfile

import pytest

from rpc.typescript import package_files
from tests.node import PACKAGE
from tests.test_typescript import watch
from tests.web_app import COMPILERS

MODULES = ["beginnings", "call", "endpoint", "errors", "gate", "input", "live", "outage", "parts", "persistence"]
MODULES += ["progress", "ready", "resume", "retry", "s3", "send", "slots", "token", "trpc", "types"]
MODULES += ["upload", "uppy", "urls", "whole"]


def test_the_package_holds_what_is_needed_and_nothing_else(web_app):
    """Sources, tests and settings of tools stay at home."""
    with tarfile.open(web_app.tarball) as packed:
        names = sorted(name.removeprefix("package/") for name in packed.getnames())

    built = [f"{folder}/{name}{end}" for folder in ("cjs", "esm") for name in MODULES for end in (".d.ts", ".js")]
    named = [
        "LICENSE",
        "README.md",
        *(f"{at}package.json" for at in ("", "cjs/", "live/", "trpc/", "upload/", "uppy/")),
    ]
    generated = ["index.cjs", "index.d.cts", "index.d.ts", "index.js"]
    assert names == sorted([*named, *generated, *built])


def test_publint_finds_nothing_wrong(web_app):
    """Entry points exist, and are in the format that they are said to be in."""
    linted = web_app.node.run("node", "node_modules/publint/src/cli.js", web_app.tarball, "--strict")

    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "All good!" in linted.stdout


def test_the_types_are_right_for_every_way_to_import(web_app):
    """ESM and CommonJS, old and new ways to resolve a name, find the types that belong to what runs."""
    command = ["node_modules/@arethetypeswrong/cli/dist/index.js", web_app.tarball, "--format", "json"]
    asked = web_app.node.run("node", *command)

    answer = json.loads(asked.stdout)
    assert asked.returncode == 0, asked.stdout
    assert answer["analysis"]["problems"] == []
    assert sorted(answer["analysis"]["entrypoints"]) == [
        ".",
        "./live",
        "./package.json",
        "./trpc",
        "./upload",
        "./uppy",
    ]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_types_say_what_they_should(web_app, compiler):
    """Wrong inputs and incomplete switches do not compile; right ones do, with no library left unchecked."""
    assert web_app.compile("types.ts", "router.ts", compiler=compiler, noEmit=True) == ""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_subscription_is_typed(web_app, compiler):
    """What `subscribe` hands on is the event with its id."""
    (web_app.folder / "index.d.ts").write_text(package_files([watch])["index.d.ts"])

    assert web_app.compile("watch.ts", compiler=compiler, noEmit=True) == ""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_uppy_takes_what_the_package_gives(web_app, compiler):
    """Options for its S3 plugin, and the uploader in the place of a plugin; only Uppy's own types go unchecked."""
    bundled = {"module": "esnext", "moduleResolution": "bundler", "skipLibCheck": True}

    assert web_app.compile("page.ts", compiler=compiler, **bundled, noEmit=True) == ""


def test_a_type_error_is_seen(web_app):
    """The compilation that the tests above rely on does fail."""
    wrong = "import type { MediaId } from 'mediarpc';\nexport const id: MediaId = 'x';\n"
    (web_app.folder / "wrong.ts").write_text(wrong)

    assert "error TS2322" in web_app.compile_here("wrong.ts", noEmit=True)


ESM = """
import { ErrorCode } from 'mediarpc';
import { mediaLinks } from 'mediarpc/trpc';
import { createUploader, MediaRpcError } from 'mediarpc/upload';
import { awsS3Options, sendFilesOf } from 'mediarpc/uppy';
"""
COMMONJS = """
const { ErrorCode } = require('mediarpc');
const { mediaLinks } = require('mediarpc/trpc');
const { createUploader, MediaRpcError } = require('mediarpc/upload');
const { awsS3Options, sendFilesOf } = require('mediarpc/uppy');
"""
SAYING = """
const error = new MediaRpcError('Full', ErrorCode.STORAGE_LIMIT_EXCEEDED, {}, 'req_1');
console.log(Object.isFrozen(ErrorCode), error.is(1600), error.is(1500), String(error));
console.log(typeof createUploader, typeof awsS3Options, typeof sendFilesOf, typeof mediaLinks);
"""


@pytest.mark.parametrize(("name", "importing"), [("loaded.mjs", ESM), ("loaded.cjs", COMMONJS)])
def test_it_is_loaded_both_ways(web_app, name, importing):
    """`import` and `require` get the same."""
    (web_app.folder / name).write_text(importing + SAYING)

    ran = web_app.run(name)

    assert ran.stdout == "true true false MediaRpcError: Full\nfunction function function function\n"
    assert ran.stderr == ""


def test_the_examples_compile(web_app):
    """What the READMEs show is TypeScript that fits the package."""
    readme = (PACKAGE.parent.parent / "README.md").read_text(encoding="utf-8")
    of_package = (PACKAGE / "README.md").read_text(encoding="utf-8")
    given = "declare const session: { token: string };\ndeclare const bar: { value: number };\n"
    given += "declare const file: File, video: File, files: File[];\ndeclare const controller: AbortController;\n"
    given += (
        "declare function useSyncExternalStore<T>(subscribe: (told: () => void) => () => void, read: () => T): T;\n"
    )
    shown = re.findall(r"^```ts\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    shown += [given + "\n".join(re.findall(r"^```ts\n(.*?)^```$", of_package, re.MULTILINE | re.DOTALL))]
    assert len(shown) == 2
    for number, text in enumerate(shown):
        (web_app.folder / f"example{number}.ts").write_text(text)

    said = web_app.compile_here("example0.ts", "example1.ts", types=["node"], noUnusedLocals=False, noEmit=True)

    assert said == ""
