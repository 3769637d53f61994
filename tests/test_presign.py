"""The signature is boto3's, and it is AWS's."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from storage.presign import Presigner, window_start
from storage.s3 import StoreConfig, create_client

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

MINIO = StoreConfig(
    endpoint="http://minio:9000",
    public_endpoint=None,
    region="us-east-1",
    bucket="media",
    public_bucket="media-public",
    access_key_id="AKIAEXAMPLE",
    secret_access_key="secret/with+signs=",
    use_path_style=True,
)
CONFIGS = {
    "minio": MINIO,
    "minio-default-port": replace(MINIO, endpoint="https://minio.example.com"),
    "aws": replace(MINIO, endpoint=None, region="eu-west-1", use_path_style=False),
    "aws-us-east-1": replace(MINIO, endpoint=None, use_path_style=False),
    "aws-path-style": replace(MINIO, endpoint=None, region="ap-southeast-2"),
    "bucket-with-dots": replace(MINIO, endpoint=None, region="eu-west-1", use_path_style=False, bucket="a.b.c"),
    "virtual-host": replace(MINIO, endpoint="https://s3.example.com", use_path_style=False),
}
KEYS = ["k", "staging/users/ada/posts/1_photo.jpg", "users/a%2Fb%2E/ü ~+=&?#/x.png", "a//b"]
DIGESTS = [None, hashlib.sha256(b"x").hexdigest()]


def test_a_put_is_signed_as_boto3_signs_it(subtests):
    for key, (store, config), sha256 in product(KEYS, CONFIGS.items(), DIGESTS):
        with subtests.test(store, key=key, sha256=sha256):
            parameters = {"Bucket": config.bucket, "Key": key, "ContentLength": 7, "ContentType": "image/png"}
            if sha256:
                parameters["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
            theirs = boto3_client(config).generate_presigned_url("put_object", parameters, ExpiresIn=900)

            ours, _ = Presigner(config).put(
                key, size_bytes=7, content_type="image/png", sha256=sha256, now=timestamp_of(theirs), ttl_seconds=900
            )

            assert parts(ours) == parts(theirs)


def test_a_part_is_signed_as_boto3_signs_it(subtests):
    upload_id = "2~a/b+c=.d_e-f"
    part = {"UploadId": upload_id, "PartNumber": 10_000, "ContentLength": 7}
    for key, (store, config), sha256 in product(KEYS, CONFIGS.items(), DIGESTS):
        with subtests.test(store, key=key, sha256=sha256):
            parameters = {"Bucket": config.bucket, "Key": key, **part}
            if sha256:
                parameters["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
            theirs = boto3_client(config).generate_presigned_url("upload_part", parameters, ExpiresIn=900)

            ours, headers = Presigner(config).part(
                key,
                upload_id=upload_id,
                number=10_000,
                size_bytes=7,
                sha256=sha256,
                now=timestamp_of(theirs),
                ttl_seconds=900,
            )

            assert parts(ours) == parts(theirs)
            assert headers == ({"x-amz-checksum-sha256": parameters["ChecksumSHA256"]} if sha256 else {})


def test_a_get_is_signed_as_boto3_signs_it(subtests):
    for key, (store, config) in product(KEYS, CONFIGS.items()):
        with subtests.test(store, key=key):
            parameters = {
                "Bucket": config.bucket,
                "Key": key,
                "ResponseContentType": "image/png",
                "ResponseContentDisposition": "attachment; filename=\"a-b.png\"; filename*=UTF-8''a%20b.png",
                "ResponseCacheControl": "private, no-store",
            }
            theirs = boto3_client(config).generate_presigned_url("get_object", parameters, ExpiresIn=60)

            ours = Presigner(config).get(
                key, filename="a b.png", content_type="image/png", now=timestamp_of(theirs), ttl_seconds=60
            )

            assert parts(ours) == parts(theirs)


def test_the_example_of_the_documentation_is_signed_as_it_says():
    """AWS publishes one presigned URL with its keys and its signature."""
    example = replace(
        MINIO,
        endpoint=None,
        use_path_style=False,
        bucket="examplebucket",
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )

    url = Presigner(example)._sign("GET", "test.txt", now=datetime(2013, 5, 24, tzinfo=UTC), ttl_seconds=86400)

    assert url.startswith("https://examplebucket.s3.amazonaws.com/test.txt?")
    assert url.endswith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


def test_the_public_endpoint_is_what_urls_name():
    """Its path is put in front after signing, for the proxy to strip."""
    plain = replace(MINIO, public_endpoint="https://app.example.com")
    with_path = replace(MINIO, public_endpoint="https://app.example.com/files")
    told: dict[str, Any] = {"size_bytes": 1, "content_type": "image/png", "sha256": None, "now": NOW, "ttl_seconds": 60}

    at_root, _ = Presigner(plain).put("k", **told)
    below, _ = Presigner(with_path).put("k", **told)

    assert at_root.startswith("https://app.example.com/media/k?")
    assert below == at_root.replace("https://app.example.com/", "https://app.example.com/files/")


def test_a_name_that_needs_quoting_is_quoted():
    url = Presigner(MINIO).get(
        "k", filename='a"b;ü\u200f.png', content_type="image/png", now=NOW, ttl_seconds=60, inline=True
    )

    assert dict(parse_qsl(urlsplit(url).query))["response-content-disposition"] == (
        """inline; filename="a-b-u.png"; filename*=UTF-8''a%22b%3B%C3%BC%E2%80%8F.png"""
    )


WINDOWS = [
    ("2026-01-02T03:00:00+00:00", "2026-01-02T03:00:00+00:00"),
    ("2026-01-02T03:00:00.000001+00:00", "2026-01-02T03:00:00+00:00"),
    ("2026-01-02T03:14:59.999999+00:00", "2026-01-02T03:00:00+00:00"),
    ("2026-01-02T03:15:00+00:00", "2026-01-02T03:15:00+00:00"),
    ("2026-01-02T00:00:01+01:00", "2026-01-01T23:00:00+00:00"),
    ("2026-01-02T05:44:00+05:30", "2026-01-02T00:00:00+00:00"),
]


def test_a_window_begins_at_the_same_moment_everywhere(subtests):
    for timestamp, start in WINDOWS:
        with subtests.test(timestamp=timestamp):
            assert window_start(datetime.fromisoformat(timestamp), 900) == datetime.fromisoformat(start)


@cache
def boto3_client(config):
    """Making one takes boto3 a fifth of a second."""
    return create_client(config, config.endpoint)


def timestamp_of(url):
    """When a URL was signed."""
    return datetime.strptime(dict(parse_qsl(urlsplit(url).query))["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def parts(url):
    """A URL with its parameters in any order."""
    split = urlsplit(url)
    return split.scheme, split.netloc, split.path, dict(parse_qsl(split.query))


@pytest.mark.parametrize(
    ("name", "url"),
    {
        "minio": "http://minio:9000/media-public",
        "minio-default-port": "https://minio.example.com/media-public",
        "aws": "https://media-public.s3.eu-west-1.amazonaws.com",
        "aws-us-east-1": "https://media-public.s3.amazonaws.com",
        "aws-path-style": "https://s3.ap-southeast-2.amazonaws.com/media-public",
        "virtual-host": "https://media-public.s3.example.com",
    }.items(),
)
def test_renditions_stand_where_the_store_has_their_bucket(name, url):
    assert Presigner(CONFIGS[name]).public_url == url


def test_renditions_stand_where_a_proxy_shows_them():
    proxied = replace(MINIO, public_endpoint="https://app.example.com/storage/")

    assert Presigner(proxied).public_url == "https://app.example.com/storage/media-public"
