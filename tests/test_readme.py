"""The README against the code: its commands run in a fresh copy of the tree, its tables say what the code says."""

import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.errors import RpcError
from contracts.tokens import TokenFault
from procedures import PROCEDURES
from server.dev import first_upload
from server.embedded import free_port
from server.settings import Settings, variable
from tests.processes import Running, Site, end_processes_of, environment, is_free, nothing_is_left, running, until

TREE = Path(__file__).parent.parent
README = (TREE / "README.md").read_text(encoding="utf-8")
DOCS = TREE / "docs"
PHOTO_BYTES = (TREE / "docs" / "photo.jpg").stat().st_size


def shell_blocks() -> list[str]:
    """What the README shows to be typed into a shell, in order."""
    return re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def first_upload_blocks() -> list[str]:
    """Everything up to and with the block of the first upload."""
    blocks = shell_blocks()
    return blocks[: next(index for index, block in enumerate(blocks) if "media.initiateUpload" in block) + 1]


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of a section's table, without its header and without backticks around a whole cell."""
    text = (DOCS / page).read_text(encoding="utf-8")
    section = re.split(rf"^#+ {heading}$", text, maxsplit=1, flags=re.MULTILINE)[1].split("\n## ", 1)[0]
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in row] for row in rows[2:]]


def raised(kind: type[RpcError] = RpcError) -> Iterator[type[RpcError]]:
    """Every class of an error that a caller can be told."""
    for error in kind.__subclasses__():
        if error.__module__ == "contracts.errors":
            yield error
        yield from raised(error)


@pytest.fixture
def fresh_clone(tmp_path):
    """What git would hand over of this tree, in a folder of its own, as if `make` had set it up already."""
    clone = tmp_path / "mediarpc"
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=TREE, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (TREE / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TREE / name, clone / name)
    (clone / ".venv").mkdir()
    (clone / ".venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
    (clone / ".venv" / "run").touch()
    return clone


def outside_any_environment() -> dict[str, str]:
    """The variables of a shell in which no environment of Python is active."""
    ours = environment()
    path = [folder for folder in ours["PATH"].split(os.pathsep) if not (Path(folder).parent / "pyvenv.cfg").exists()]
    return {**ours, "PATH": os.pathsep.join(path)}


def pasted(blocks: list[str], clone: Path, port: int, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What blocks print in one shell, against a port."""
    return subprocess.run(
        ["bash", "-u", "-c", "\n".join(blocks)],
        cwd=clone,
        env={**outside_any_environment(), "PORT": str(port), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_as_pasted(blocks: list[str], clone: Path, port: int) -> list[str]:
    """The lines that blocks print, each step of which succeeds."""
    ran = pasted(["set -e", *blocks], clone, port)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    return ran.stdout.splitlines()


def token_of(clone: Path) -> str:
    """A token, made as the README makes it."""
    command = [".venv/bin/mediarpc", "token", "--user", "ada"]
    return subprocess.check_output(command, cwd=clone, env=outside_any_environment(), text=True).strip()


def objects_on_disk(clone: Path) -> list[Path]:
    """The files of the embedded store, which may remove folders meanwhile."""
    return [Path(folder, name) for folder, _, names in os.walk(clone / ".mediarpc" / "s3") for name in names]


@pytest.mark.embedded
def test_the_first_upload_works_by_copy_and_paste_and_outlives_a_power_cut(fresh_clone):
    """`make run`, then the README's lines; everything is killed and run again, and the photo is there until it goes."""
    port = free_port()
    with made_run(fresh_clone, port) as make:
        status, url = run_as_pasted(first_upload_blocks(), fresh_clone, port)
        assert status in {"processing", "ready"}
        assert httpx.get(url).raise_for_status().headers["content-type"] == "image/webp"
        (media,) = Site(f"http://127.0.0.1:{port}", token_of(fresh_clone)).rpc("media.listMedia")["items"]
        assert (media["width"], media["height"], media["size"]) == (1200, 800, PHOTO_BYTES)
        assert len(objects_on_disk(fresh_clone)) > 0
        os.killpg(make.pid, signal.SIGKILL)
        end_processes_of(fresh_clone)
        until(lambda: is_free(port))

    with made_run(fresh_clone, port) as make:
        site = Site(f"http://127.0.0.1:{port}", token_of(fresh_clone))
        assert site.download(media["id"]) == (TREE / "docs" / "photo.jpg").read_bytes()
        assert site.rpc("media.deleteMedia", mediaId=media["id"]) == {"success": True}
        left = site.rpc("media.getStorageUsage")
        assert (left["used"], left["reserved"]) == (0, PHOTO_BYTES)
        until(lambda: objects_on_disk(fresh_clone) == [])

        *_, deleted, told = run_as_pasted(shell_blocks(), fresh_clone, port)
        assert json.loads(deleted)["result"] == {"success": True}
        usage = json.loads(told)["result"]
        assert (usage["used"], usage["reserved"]) == (0, 2 * PHOTO_BYTES)
        until(lambda: objects_on_disk(fresh_clone) == [])

        refused = pasted(first_upload_blocks()[-1:], fresh_clone, port, TOKEN="of nobody")
        assert (refused.stdout, refused.stderr) == ("", f"Invalid token: {TokenFault.MALFORMED.sentence}\n")
        os.killpg(make.pid, signal.SIGINT)
        make.process.wait(30)
        until(lambda: nothing_is_left(fresh_clone / ".mediarpc", port), 10)


@contextmanager
def made_run(clone: Path, port: int) -> Iterator[Running]:
    """`make run` that has printed the first upload."""
    with running(["make", "run"], clone, **outside_any_environment(), PORT=str(port)) as make:
        make.wait_for("Ctrl-C stops everything.")
        assert first_upload(Settings(port=port)) in make.output
        yield make


def test_the_typescript_works_by_copy_and_paste(web_app, deployment, user):
    """With the token and the photo exported, it uploads, tells its progress, and finds what it uploaded."""
    (block,) = re.findall(r"^```ts\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    written = web_app.folder / "readme.ts"
    written.write_text(block.replace("http://127.0.0.1:8000", deployment.served.origin), encoding="utf-8")
    assert web_app.compile_here("readme.ts", types=["node"]) == ""

    ran = web_app.run("readme.js", TOKEN=deployment.token(user), PHOTO=str(TREE / "docs" / "photo.jpg"))

    assert (ran.returncode, ran.stderr) == (0, "")
    *progress, name = ran.stdout.splitlines()
    assert (progress[0], progress[-1]) == (f"0 {PHOTO_BYTES}", f"{PHOTO_BYTES} {PHOTO_BYTES}")
    assert name == "photo.jpg"
    assert [media["size"] for media in deployment.site(user).rpc("media.listMedia")["items"]] == [PHOTO_BYTES]


def test_the_banner_is_the_readmes_block():
    """What dev prints for the default address stands in the README, to the letter, after the token."""
    *before, block = first_upload_blocks()
    assert block.replace("${PORT:-8000}", "8000") == first_upload(Settings())
    assert [line for text in before for line in text.splitlines()] == ["TOKEN=$(.venv/bin/mediarpc token --user ada)"]


def test_the_procedure_table_is_the_codes():
    """Every procedure has a row, with the members of its input and answer; what may be left out has a question mark."""
    assert [[name, members(asked), members(answered)] for name, asked, answered in table("api.md", "Procedures")] == [
        [
            procedure.name,
            [f"{field.alias}{'' if field.is_required() else '?'}" for field in procedure.input.model_fields.values()],
            [field.alias for field in procedure.output.model_fields.values()],
        ]
        for procedure in PROCEDURES
    ]


def test_the_table_of_files_is_the_codes():
    """Every procedure is where the architecture says, and so is its input."""
    assert table("architecture.md", "Where a procedure is") == [
        [procedure.name, file_of(inspect.unwrap(procedure.run)), file_of(procedure.input)] for procedure in PROCEDURES
    ]


def file_of(thing: Any) -> str:
    return f"{thing.__module__.replace('.', '/')}.py"


def test_every_file_that_a_document_names_is_there():
    """In backticks, with its folder."""
    for page in [TREE / "README.md", TREE / "CONTRIBUTING.md", *DOCS.glob("*.md")]:
        names = re.findall(r"`((?:\w+/)+[\w.]+\.(?:py|sql|mjs|md))`", page.read_text(encoding="utf-8"))
        assert [name for name in names if not (TREE / name).exists()] == [], page.name


def test_every_link_leads_somewhere():
    """To a file of the tree, and to a heading of it where it names one."""
    pages = [TREE / "README.md", TREE / "CONTRIBUTING.md", *DOCS.glob("*.md")]
    pages += [TREE / "contracts" / "typescript" / "README.md", TREE / "clients" / "python" / "README.md"]
    for page in pages:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in link or leads_somewhere(page, link), (page.name, link)


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, heading = link.partition("#")
    target = page.parent / name if name else page
    if not heading:
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


def test_what_is_to_be_called_instead_is_there():
    """The page for those who come from another API names procedures that there are; every upload's are among them."""
    page = (TREE / "docs" / "coming-from.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(media\.[a-z]+[A-Z]\w+|media\.upload|media\.watch)`", page))
    assert named <= {procedure.name for procedure in PROCEDURES}
    assert {procedure.name for procedure in PROCEDURES} - named == {"media.listAudit"}


def members(cell: str) -> list[str]:
    """The names in a cell; a remark may follow a semicolon."""
    names = re.findall(r"\w+\??", cell.partition(";")[0])
    return [] if names == ["nothing"] else names


def test_the_error_table_is_the_codes():
    """Every code that a caller can be told has a row, in order, with its sentence and its form in each dialect."""
    codes = sorted({error.code for error in raised()})
    assert table("api.md", "Errors") == [
        [str(int(code)), code.name, code.sentence, str(code.http_status), code.trpc_key, str(code.jsonrpc)]
        for code in codes
    ]


def test_the_settings_table_is_the_codes():
    """Every variable has a row, in order, with its default and its sentence."""
    assert table("settings.md", "Settings") == [
        [variable(known), default_text(known.default), known.metadata["sentence"]] for known in fields(Settings)
    ]


def default_text(default: Any) -> str:
    """A default as one would write it into the environment."""
    if isinstance(default, bool):
        return "true" if default else "false"
    return "" if default in (None, ()) else str(default)


def test_make_help_lists_the_targets():
    """`make` alone and `make help` name every target that is for people."""
    told = {line.split()[1] for line in run_make("help").splitlines()}
    assert told == {
        *(
            "help",
            "run",
            "test",
            "test-exhaustive",
            "check",
            "fmt",
            "bench",
            "bench-growth",
            "schema",
            "lock",
            "release",
            "clean",
        ),
    }
    assert run_make() == run_make("help")


def run_make(*targets: str) -> str:
    command = ["make", "--no-print-directory", *targets]
    return subprocess.check_output(command, cwd=TREE, env=environment(MAKEFLAGS="", MAKELEVEL="0"), text=True)
