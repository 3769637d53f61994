"""The npm package as `make release` packs it, in the hands of somebody without a checkout."""

from pathlib import Path

import pytest

from tests.node import PACKAGE, Node, node_with_packages
from tests.test_readme import TREE, run_make
from tests.web_app import WebApp

PEERS = [PACKAGE / "node_modules" / "@trpc" / name for name in ("client", "server")]
INSTALL = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"]
FIRST = """
import { createTRPCClient } from '@trpc/client';
import { ErrorCode, type AppRouter, type Media } from 'mediarpc';
import { mediaLinks } from 'mediarpc/trpc';
import { createUploader } from 'mediarpc/upload';
import { awsS3Options } from 'mediarpc/uppy';

const server = { url: 'https://media.test/rpc', token: () => 'a token' };
const api = createTRPCClient<AppRouter>({ links: mediaLinks({ ...server, EventSource: class {} as never }) });
const upload = createUploader(server);

export async function send(file: Blob): Promise<Media> {
  const { id } = await upload(file, { filename: 'photo.jpg', contentType: 'image/jpeg', until: 'ready' });
  return (await api.media.getMedia.query({ mediaId: id })).media;
}
console.log(typeof send, typeof awsS3Options(server).signRequest, ErrorCode.NOT_FOUND);
"""


@pytest.fixture(scope="module")
def node() -> Node:
    """Node.js, with the packages that build this one."""
    return node_with_packages()


@pytest.fixture(scope="module")
def tarball(node) -> Path:
    """What `make release` says that it packed."""
    return TREE / run_make("release").strip()


def test_the_tarball_installs_in_an_empty_folder_and_type_checks(node, tarball, tmp_path):
    """With nothing beside it but tRPC's packages; what is compiled against it runs."""
    installed = node.run("npm", *INSTALL, tarball, *PEERS, cwd=tmp_path)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    app = WebApp(node, tmp_path, tarball)
    (tmp_path / "first.mts").write_text(FIRST)

    assert app.compile_here("first.mts") == ""
    assert app.run("first.mjs").stdout == "function function 1300\n"


def test_the_tarball_is_no_part_of_the_tree(tarball):
    """It lies in `build/`, which git does not keep."""
    assert (tarball.parent, tarball.suffix) == (TREE / "build", ".tgz")
