"""`mediarpc token` beside a `mediarpc dev`: it signs what that one accepts, or says that it cannot."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from server.embedded import Secrets
from server.settings import Settings
from server.token_policy import SecretSource, TokenPolicy
from tests.deployment import SECRET, developing
from tests.processes import mediarpc

OTHER = "another secret that nobody else has been given"


def running(data_dir: Path, **settings: Any) -> str:
    """Make a folder that of a server which runs with these settings; the secret that is in it."""
    made = Secrets.of(data_dir).jwt_secret
    TokenPolicy.of(Settings(**settings)).publish(data_dir)
    return made


def token(data_dir: Path, **variables: str) -> Any:
    return mediarpc("token", "--user", "ada", DATA_DIR=str(data_dir), **variables)


def test_a_token_of_a_running_dev_has_what_that_one_asks_for(tmp_path):
    """Its secret, issuer and audience, none of which the command was told."""
    secret = running(tmp_path, auth_issuer="https://id.example", auth_audience="media")
    told = jwt.decode(
        token(tmp_path).stdout.strip(), secret, algorithms=["HS256"], issuer="https://id.example", audience="media"
    )
    assert told["sub"] == "ada"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"auth_jwt_secret": OTHER},
            "has AUTH_JWT_SECRET from its own environment, which this command cannot know: set the same one\n",
        ),
        (
            {"auth_jwks_url": "https://id.example/jwks"},
            "has no AUTH_JWT_SECRET: its tokens come from whoever AUTH_JWKS_URL or AUTH_INTROSPECTION_URL belongs to\n",
        ),
    ],
    ids=["secret", "jwks"],
)
def test_for_a_dev_with_another_verifier_nothing_is_signed(tmp_path, settings, sentence):
    """The folder's secret would make a token that it refuses."""
    running(tmp_path, **settings)
    refused = token(tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"mediarpc: The mediarpc dev that runs here (process {os.getpid()}) {sentence}"


def test_a_token_that_the_running_dev_will_refuse_is_printed_with_a_warning(tmp_path):
    """The environment's secret counts, since another server may have it."""
    running(tmp_path)
    made = token(tmp_path, AUTH_JWT_SECRET=OTHER)
    assert jwt.decode(made.stdout.strip(), OTHER, algorithms=["HS256"])["sub"] == "ada"
    assert made.stderr == (
        f"mediarpc: the mediarpc dev that runs here (process {os.getpid()}) has another secret than AUTH_JWT_SECRET, "
        "and will refuse this token: unset it to sign for that one\n"
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"process": 1, "secret": "?", "issuer": null, "audience": null}'])
def test_a_damaged_record_counts_as_none(tmp_path, text):
    secret = running(tmp_path, auth_jwt_secret=OTHER)
    (tmp_path / "tokens.json").write_text(text, encoding="utf-8")
    assert jwt.decode(token(tmp_path).stdout.strip(), secret, algorithms=["HS256"])["sub"] == "ada"


def test_what_a_dev_asked_that_has_ended_is_of_no_concern(tmp_path):
    """The next one is started with the environment that is there then."""
    secret = running(tmp_path, auth_jwt_secret=OTHER)
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "process": 2**22 + 1}), encoding="utf-8")
    assert jwt.decode(token(tmp_path).stdout.strip(), secret, algorithms=["HS256"])["sub"] == "ada"


def test_no_secret_is_in_the_record(tmp_path):
    secret = running(tmp_path, auth_jwt_secret=OTHER)
    text = (tmp_path / "tokens.json").read_text(encoding="utf-8")
    assert [word for word in (secret, OTHER) if word in text] == []
    assert json.loads(text)["secret"] == SecretSource.ENVIRONMENT


def test_dev_tells_its_caller_what_is_wrong_with_a_token(servers, tmp_path):
    """And `mediarpc token` cannot sign for one that has its secret from its environment, until it is set here too."""
    with developing(servers, tmp_path) as dev:
        url, folder = f"http://127.0.0.1:{dev.port}/rpc", tmp_path / "data"
        asked = {"procedure": "media.getStorageUsage"}
        refused = httpx.post(url, json=asked, headers={"authorization": f"Bearer {jwt.encode({'sub': 'ada'}, SECRET)}"})
        assert refused.json()["error"]["message"].startswith("Invalid token: exp is missing")
        assert "cannot know" in token(folder).stderr
        good = token(folder, AUTH_JWT_SECRET=SECRET).stdout.strip()
        assert httpx.post(url, json=asked, headers={"authorization": f"Bearer {good}"}).json()["success"] is True
