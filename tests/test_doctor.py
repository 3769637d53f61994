"""`mediarpc doctor` finds what is amiss before a user does, and says what to do about it."""

import os
from dataclasses import replace

import psycopg
import pytest

from processing.sandbox.probe import Sandbox, sandbox
from server import doctor
from server.doctor import examine
from server.embedded import free_port
from server.resources import store_config
from tests.cdn import cdn_site
from tests.clamd import clamd
from tests.processes import mediarpc


async def verdicts(settings):
    return {finding.subject: finding.verdict for finding in await examine(settings)}


async def test_what_runs_is_found_to_be_well(settings, resources):
    """But for renditions: nobody has let everybody read this bucket, nor is there a scanner."""
    assert await verdicts(settings) == {
        "callers": "ok",
        "database": "ok",
        "storage": "ok",
        "renditions": "failed",
        "virus scan": "warning",
        "processing": "ok" if os.getuid() or sandbox().user else "warning",
        "memory": "ok",
    }


async def test_nothing_of_the_doctor_is_left(settings, resources, objects, public):
    await examine(settings)

    assert (await objects(), await public()) == ([], [])


@pytest.mark.parametrize(
    ("told", "amiss"),
    [
        ({"auth_jwt_secret": None}, {"callers"}),
        ({"s3_bucket": "no-such-bucket"}, {"storage"}),
        ({"s3_public_bucket": "no-such-bucket"}, {"storage"}),
        ({"s3_secret_access_key": "wrong"}, {"storage"}),
        ({"clamav_url": "tcp://127.0.0.1:1"}, {"virus scan"}),
        ({"cdn_url": "http://127.0.0.1:1"}, set()),
    ],
    ids=["callers", "bucket", "public bucket", "secret", "scanner", "cdn"],
)
async def test_what_is_amiss_is_named(settings, resources, told, amiss):
    found = await verdicts(replace(settings, **told))

    assert {what for what, verdict in found.items() if verdict == "failed"} == {*amiss, "renditions"}


async def test_a_database_that_is_away_or_behind_is_named(settings, resources, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from migrations where name = (select max(name) from migrations)")
    findings = {finding.subject: str(finding) for finding in await examine(settings)}
    assert findings["database"] == "failed   database: migrations are missing: run mediarpc migrate"

    away = replace(settings, database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    assert (await verdicts(away))["database"] == "failed"


async def test_a_scanner_is_named_by_its_version(servers, settings, resources):
    with clamd(servers) as url:
        findings = {finding.subject: str(finding) for finding in await examine(replace(settings, clamav_url=url))}

    assert findings["virus scan"].startswith("ok       virus scan: ClamAV ")


@pytest.mark.usefixtures("read_by_everybody")
async def test_a_bucket_that_everybody_may_read_is_well_but_for_its_headers(settings):
    """MinIO's own address adds no header of its own."""
    found = await verdicts(settings)
    assert found["renditions"] in {"ok", "warning"}


async def test_a_cdn_that_serves_the_bucket_is_well(settings, resources):
    async with cdn_site(store_config(settings)) as origin:
        examined = await examine(replace(settings, cdn_url=f"{origin}/cdn"))
    findings = {finding.subject: str(finding) for finding in examined}

    assert findings["renditions"] == f"ok       renditions: everybody can read them at {origin}/cdn"


@pytest.mark.parametrize(
    ("found", "lacks"),
    [
        (Sandbox(files=True, landlock=7, user=61184), "has a network"),
        (Sandbox(sockets=True, user=61184), "reads whatever this user can read"),
        (Sandbox(sockets=True, files=True, landlock=7), "runs as root"),
        (Sandbox(), "has a network"),
    ],
)
async def test_what_does_not_hold_a_decoder_here_is_told(settings, resources, monkeypatch, found, lacks):
    monkeypatch.setattr(doctor, "sandbox", lambda: found)
    monkeypatch.setattr(os, "getuid", lambda: 0)

    (finding,) = [finding for finding in await examine(settings) if finding.subject == "processing"]

    assert finding.verdict == "warning"
    assert lacks in finding.sentence


def test_a_failure_is_an_exit_status(configured):
    answer = mediarpc("doctor", **{**configured, "S3_BUCKET": "no-such-bucket"})

    assert answer.returncode == 1
    assert "failed   storage" in answer.stdout


def test_without_settings_it_says_which_are_needed():
    answer = mediarpc("doctor")

    assert answer.returncode == 2
    assert "DATABASE_URL is not set" in answer.stderr
