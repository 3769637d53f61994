"""Settings: what the environment may say, and how a wrong word is answered."""

from dataclasses import fields
from itertools import product

import pytest

from contracts.plans import PlanQuotas
from rpc.limits import DEFAULT_LIMITS
from server.settings import Settings, SettingsError

SECRET = "a secret for tests, long enough for HS256"


def refusal(**variables: str) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(variables)
    return str(refused.value)


def test_every_setting_has_a_sentence(subtests):
    """Each field says in one sentence what it is for."""
    for known in fields(Settings):
        with subtests.test(known=known.name):
            sentence = known.metadata["sentence"]
            assert sentence[0].isupper() or sentence.startswith("`")
            assert sentence.endswith(".")
            assert "\n" not in sentence


PATH_STYLES = {
    "AWS": ({}, False),
    "another server": ({"S3_ENDPOINT": "http://127.0.0.1:9000"}, True),
    "AWS by name": ({"S3_ENDPOINT": "https://s3.eu-central-1.amazonaws.com"}, False),
    "told not to": ({"S3_ENDPOINT": "http://127.0.0.1:9000", "S3_USE_PATH_STYLE": "false"}, False),
    "told to": ({"S3_USE_PATH_STYLE": "true"}, True),
}


def test_the_bucket_stands_where_the_server_expects_it(subtests):
    """Unless told, it stands in the path of every server but those of AWS."""
    for case, (variables, in_the_path) in PATH_STYLES.items():
        with subtests.test(case, variables=variables):
            assert Settings.from_environment(variables).path_style is in_the_path


COPIES = {
    "AWS": ({}, False),
    "another server": ({"S3_ENDPOINT": "http://127.0.0.1:9000"}, True),
    "AWS by name": ({"S3_ENDPOINT": "https://s3.eu-central-1.amazonaws.com"}, False),
    "told not to": ({"S3_ENDPOINT": "http://127.0.0.1:9000", "S3_REFUSE_COPIES": "false"}, False),
    "told to": ({"S3_REFUSE_COPIES": "true"}, True),
}


def test_signed_urls_refuse_copies_where_the_server_does_not(subtests):
    """Unless told, everywhere but at AWS."""
    for case, (variables, refuses) in COPIES.items():
        with subtests.test(case, variables=variables):
            assert Settings.from_environment(variables).refuses_copies is refuses


def test_an_empty_environment_gives_the_defaults():
    """Nothing has to be set for the settings to be read."""
    settings = Settings.from_environment({})
    assert {known.name: getattr(settings, known.name) for known in fields(Settings)} == {
        "host": "127.0.0.1",
        "port": 8000,
        "rpc_path": "/rpc",
        "data_dir": ".mediarpc",
        "database_url": None,
        "s3_endpoint": None,
        "s3_public_endpoint": None,
        "s3_region": "us-east-1",
        "s3_bucket": "media",
        "s3_public_bucket": "media-public",
        "s3_access_key_id": None,
        "s3_secret_access_key": None,
        "s3_use_path_style": None,
        "s3_refuse_copies": None,
        "cdn_url": None,
        "auth_jwt_secret": None,
        "auth_jwks_url": None,
        "auth_introspection_url": None,
        "auth_introspection_client_id": None,
        "auth_introspection_client_secret": None,
        "auth_issuer": None,
        "auth_audience": None,
        "auth_cookie": None,
        "cors_origins": (),
        "max_body_bytes": 1_048_576,
        "max_connections": 4096,
        "max_connections_per_address": 512,
        "max_batch_calls": 100,
        "calls_per_caller": 100,
        "streams_per_caller": 50,
        "rate_limits": DEFAULT_LIMITS,
        "count_renditions": False,
        "clamav_url": None,
        "quarantine_hours": 24,
        "image_concurrency": None,
        "audio_concurrency": 1,
        "poster_concurrency": 1,
        "video_concurrency": 1,
        "keep_location": False,
        "private_renditions": False,
        "server_url": None,
        "video_max_seconds": 180,
        "video_max_side": 4096,
        "database_pool_size": 10,
        "upload_url_ttl_seconds": 900,
        "upload_grace_seconds": 60,
        "multipart_ttl_seconds": 86400,
        "complete_wait_seconds": 0,
        "content_idle_seconds": 60,
        "plans": PlanQuotas(),
        "max_image_bytes": 10 * 1024**2,
        "max_video_bytes": 100 * 1024**2,
        "max_audio_bytes": 20 * 1024**2,
        "max_multipart_image_bytes": None,
        "max_multipart_video_bytes": 500 * 1024**2,
        "max_multipart_audio_bytes": None,
        "post_media_limit": 10,
        "max_media_per_owner": 100_000,
        "max_pending_uploads": 10_000,
        "failed_media_ttl_hours": 24,
        "sweep_interval_seconds": 60,
        "events_retention_days": 30,
        "audit_retention_days": 90,
    }


def test_an_empty_variable_counts_as_unset(subtests):
    """`PORT= mediarpc serve` is `mediarpc serve`."""
    for known in fields(Settings):
        with subtests.test(known=known.name):
            assert Settings.from_environment({known.name.upper(): ""}) == Settings()


VARIABLES = [
    ("HOST", "::1", "::1"),
    ("PORT", "1", 1),
    ("PORT", "65535", 65535),
    ("DATABASE_URL", "postgresql:///media", "postgresql:///media"),
    ("DATABASE_URL", "postgres://db/media", "postgres://db/media"),
    ("S3_ENDPOINT", "http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
    ("S3_PUBLIC_ENDPOINT", "https://app.example.com/storage", "https://app.example.com/storage"),
    ("S3_USE_PATH_STYLE", "true", True),
    ("S3_USE_PATH_STYLE", "YES", True),
    ("S3_USE_PATH_STYLE", "1", True),
    ("S3_USE_PATH_STYLE", "false", False),
    ("S3_USE_PATH_STYLE", "no", False),
    ("S3_USE_PATH_STYLE", "0", False),
    ("AUTH_JWT_SECRET", "x" * 32, "x" * 32),
    ("AUTH_JWT_SECRET", "ü" * 16, "ü" * 16),
    ("AUTH_JWKS_URL", "https://id.example/keys/", "https://id.example/keys/"),
    ("AUTH_INTROSPECTION_URL", "https://id.example/o/introspect/", "https://id.example/o/introspect/"),
    ("CORS_ORIGINS", "https://a.example, http://b.example:8080/", ("https://a.example", "http://b.example:8080")),
    ("CORS_ORIGINS", "*", ("*",)),
    ("UPLOAD_GRACE_SECONDS", "0", 0),
    ("MAX_IMAGE_BYTES", "1", 1),
    ("MAX_IMAGE_BYTES", "20MiB", 20 * 1024**2),
    ("MAX_VIDEO_BYTES", "5 GiB", 5 * 1024**3),
    ("MAX_AUDIO_BYTES", "512KiB", 512 * 1024),
    ("MAX_MULTIPART_VIDEO_BYTES", "5TiB", 5 * 1024**4),
]


def test_a_variable_is_read(subtests):
    """The field of a variable is its name in small letters."""
    for variable, value, read in VARIABLES:
        with subtests.test(variable=variable, value=value):
            assert getattr(Settings.from_environment({variable: value}), variable.lower()) == read


NO_SIZE = "is no size like 50MiB, 1GiB or 1048576: a whole number of bytes, KiB, MiB, GiB or TiB"
BAD_NUMBERS_AND_FLAGS = [
    ("PORT", "0", "PORT must be a whole number from 1 to 65535, got '0'"),
    ("PORT", "65536", "PORT must be a whole number from 1 to 65535, got '65536'"),
    ("PORT", "-1", "PORT must be a whole number from 1 to 65535, got '-1'"),
    ("PORT", "http", "PORT must be a whole number from 1 to 65535, got 'http'"),
    ("PORT", "80.5", "PORT must be a whole number from 1 to 65535, got '80.5'"),
    ("S3_USE_PATH_STYLE", "maybe", "S3_USE_PATH_STYLE must be true or false, got 'maybe'"),
    ("MAX_BODY_BYTES", "1", "MAX_BODY_BYTES must be a whole number from 1024 to 67108864, got '1'"),
    ("MAX_BATCH_CALLS", "0", "MAX_BATCH_CALLS must be a whole number from 1 to 10000, got '0'"),
    ("DATABASE_POOL_SIZE", "1", "DATABASE_POOL_SIZE must be a whole number from 2 to 1000, got '1'"),
    (
        "UPLOAD_URL_TTL_SECONDS",
        "604801",
        "UPLOAD_URL_TTL_SECONDS must be a whole number from 1 to 604800, got '604801'",
    ),
    ("UPLOAD_GRACE_SECONDS", "-5", "UPLOAD_GRACE_SECONDS must be a whole number from 0 to 86400, got '-5'"),
    *(
        (
            "MAX_IMAGE_BYTES",
            value,
            f"MAX_IMAGE_BYTES {NO_SIZE}, got {value!r}",
        )
        for value in ("10MB", "10M", "1.5MiB", "-1", "MiB", "ten", "10mib", "9" * 17)
    ),
    ("MAX_IMAGE_BYTES", "0", "MAX_IMAGE_BYTES must be from 1 byte to 5GiB, got '0'"),
    ("MAX_VIDEO_BYTES", "6GiB", "MAX_VIDEO_BYTES must be from 1 byte to 5GiB, got '6GiB'"),
    ("MAX_MULTIPART_VIDEO_BYTES", "6TiB", "MAX_MULTIPART_VIDEO_BYTES must be from 1 byte to 5TiB, got '6TiB'"),
    ("SWEEP_INTERVAL_SECONDS", "0", "SWEEP_INTERVAL_SECONDS must be a whole number from 1 to 86400, got '0'"),
]


def test_a_bad_number_or_flag_is_named_and_shown(subtests):
    """The refusal says which variable, what it may be, and what it was."""
    for variable, value, sentence in BAD_NUMBERS_AND_FLAGS:
        with subtests.test(variable=variable, value=value):
            assert refusal(**{variable: value}) == sentence


URLS = ["S3_ENDPOINT", "S3_PUBLIC_ENDPOINT", "CDN_URL", "AUTH_JWKS_URL", "AUTH_INTROSPECTION_URL"]
NO_URLS = ["localhost:9000", "ftp://store", "http://", "http://host:x", "http://[::1", "/x"]


def test_a_bad_url_is_named_and_shown(subtests):
    """Only http and https URLs with a host are endpoints."""
    for variable, value in product(URLS, NO_URLS):
        with subtests.test(variable=variable, value=value):
            assert refusal(**{variable: value}) == (
                f"{variable} must be a URL that begins with http:// or https://, got {value!r}"
            )


@pytest.mark.parametrize("value", ["app.example.com", "https://app.example.com/path", "https://a.example,null"])
def test_a_bad_origin_is_named_and_shown(value):
    """An origin is scheme, host and port."""
    assert refusal(CORS_ORIGINS=value) == (
        f"CORS_ORIGINS must be origins like https://app.example.com, separated by commas, or *, got {value!r}"
    )


def test_a_bad_database_url_is_not_shown():
    """It may hold a password."""
    told = refusal(DATABASE_URL="mysql://root:hunter2@db/media")
    assert told == "DATABASE_URL must be a URL that begins with postgresql://"


@pytest.mark.parametrize("secret", ["hunter2", "x" * 31, "ü" * 15], ids=["short", "31 bytes", "30 bytes"])
def test_a_secret_shorter_than_32_bytes_is_refused_and_not_shown(secret):
    """HS256 needs as many bytes as its hash has."""
    assert refusal(AUTH_JWT_SECRET=secret) == "AUTH_JWT_SECRET must have at least 32 bytes, as HS256 asks for"


def test_every_origin_beside_a_cookie_is_refused():
    """With `*`, any site could call with its visitor's cookie."""
    assert refusal(CORS_ORIGINS="*", AUTH_COOKIE="session") == (
        "CORS_ORIGINS must name its origins when AUTH_COOKIE is set: * would let any site call"
    )


def test_named_origins_beside_a_cookie_are_accepted():
    """A cookie may be sent by the origins that are named."""
    settings = Settings.from_environment({"CORS_ORIGINS": "https://a.example", "AUTH_COOKIE": "session"})
    assert (settings.cors_origins, settings.auth_cookie) == (("https://a.example",), "session")


@pytest.mark.parametrize("half", ["AUTH_INTROSPECTION_CLIENT_ID", "AUTH_INTROSPECTION_CLIENT_SECRET"])
def test_half_of_the_client_credentials_is_refused_and_not_shown(half):
    """An id without its secret would be refused by the authorization server, call by call."""
    assert refusal(AUTH_INTROSPECTION_URL="https://id.example/introspect", **{half: "hunter2"}) == (
        "AUTH_INTROSPECTION_CLIENT_ID and AUTH_INTROSPECTION_CLIENT_SECRET are set together or not at all"
    )


def test_both_client_credentials_are_accepted():
    settings = Settings.from_environment(
        {"AUTH_INTROSPECTION_CLIENT_ID": "media", "AUTH_INTROSPECTION_CLIENT_SECRET": "hunter2"}
    )
    assert (settings.auth_introspection_client_id, settings.auth_introspection_client_secret) == ("media", "hunter2")


@pytest.mark.parametrize("user", ["media", "media:hunter2", ":hunter2"])
def test_a_password_in_the_introspection_url_is_refused_and_not_shown(user):
    """It would show wherever the URL does."""
    assert refusal(AUTH_INTROSPECTION_URL=f"https://{user}@id.example/introspect") == (
        "AUTH_INTROSPECTION_URL must hold no password: "
        "AUTH_INTROSPECTION_CLIENT_ID and AUTH_INTROSPECTION_CLIENT_SECRET are there for it"
    )


def test_a_missing_setting_is_named_with_its_sentence():
    """`require` tells the first that is missing, and what it is for."""
    with pytest.raises(SettingsError) as refused:
        Settings(s3_access_key_id="id").require("s3_access_key_id", "database_url", "s3_secret_access_key")
    assert str(refused.value) == (
        "DATABASE_URL is not set. The Postgres (15 or newer) that holds everything but the bytes."
    )


def test_what_is_set_satisfies_require():
    """`require` is silent about what is there."""
    Settings(database_url="postgresql:///media").require("database_url")


def test_a_verifier_is_required():
    """Without a secret, keys and an authorization server nobody could be told from anybody else."""
    with pytest.raises(SettingsError) as refused:
        Settings().require_verifier()
    assert str(refused.value) == (
        "None of AUTH_JWT_SECRET, AUTH_JWKS_URL and AUTH_INTROSPECTION_URL is set: no caller could be verified"
    )


@pytest.mark.parametrize(
    "verifier",
    [
        {"auth_jwt_secret": SECRET},
        {"auth_jwks_url": "https://id.example/jwks"},
        {"auth_introspection_url": "https://id.example/introspect"},
    ],
)
def test_one_verifier_is_enough(verifier):
    """The shared secret, the published keys or the authorization server."""
    Settings(**verifier).require_verifier()


def test_settings_do_not_show_their_secrets_when_printed():
    """A settings object in a trace or a log gives nothing away."""
    shown = repr(
        Settings(
            auth_jwt_secret=SECRET,
            auth_introspection_client_secret="hunter3",
            s3_secret_access_key="hunter2",
            database_url="postgresql://u:pw@db/x",
        )
    )
    assert [secret for secret in (SECRET, "hunter2", "hunter3", "u:pw") if secret in shown] == []
