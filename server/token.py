"""Tokens for trying things out: `mediarpc token`."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt

from contracts.owners import Owner
from contracts.plans import Plan
from rpc.auth import MAX_USER_ID_CHARACTERS
from server.settings import Settings, SettingsError

DAY_SECONDS = 24 * 3600


def sign_token(
    settings: Settings,
    *,
    user: str,
    plan: str | None = None,
    scope: str | None = None,
    owners: Sequence[str] | None = None,
    ttl_seconds: int = DAY_SECONDS,
) -> str:
    """A token that `settings` accepts; SettingsError when they hold no secret to sign with."""
    if settings.auth_jwt_secret is None:
        raise SettingsError(
            "AUTH_JWT_SECRET is not set, and no `mediarpc dev` has made one here: run it first, or set DATA_DIR"
        )
    require_user_id(user)
    for owner in owners or ():
        _require_owner(owner)
    now = int(time.time())
    optional: dict[str, Any] = {
        "plan": None if plan is None else Plan(plan).value,
        "scope": scope,
        "owners": owners,
        "iss": settings.auth_issuer,
        "aud": settings.auth_audience,
    }
    claims = {"sub": user, "iat": now, "exp": now + ttl_seconds}
    claims.update({name: value for name, value in optional.items() if value is not None})
    return jwt.encode(claims, settings.auth_jwt_secret, algorithm="HS256")


def require_user_id(user: str) -> None:
    """SettingsError for what no token may have as `sub`."""
    if not 1 <= len(user) <= MAX_USER_ID_CHARACTERS or not user.isprintable():
        raise SettingsError(f"--user must have 1 to {MAX_USER_ID_CHARACTERS} printable characters")


def token_settings(environment: Mapping[str, str]) -> Settings:
    """The settings to sign with: the environment's, else those of the `mediarpc dev` in the data folder.

    Raises SettingsError when that one runs with a secret of its own environment, which nobody else can know.
    """
    from server.embedded import Secrets  # noqa: PLC0415 - a server without the embedded stack has no need
    from server.token_policy import TokenPolicy  # noqa: PLC0415 - the same

    settings = Settings.from_environment(environment)
    data_dir = Path(settings.data_dir)
    secrets, running = Secrets.found_in(data_dir), TokenPolicy.of_running(data_dir)
    if settings.has_verifier:
        if running and secrets:
            running.warn_of_other_secret(settings, secrets.jwt_secret)
        return settings
    if running:
        running.require_made_secret()
    if secrets is None:
        return settings
    asked = {"AUTH_ISSUER": running.issuer or "", "AUTH_AUDIENCE": running.audience or ""} if running else {}
    return Settings.from_environment({**asked, **environment, "AUTH_JWT_SECRET": secrets.jwt_secret})


def _require_owner(owner: str) -> None:
    """SettingsError for what the `owners` claim may not list."""
    kind, _, name = owner.partition(":")
    try:
        Owner(type=kind, id=name)
    except ValueError:
        raise SettingsError(
            f"--owner must be like event:42, a type in lower case and an id of up to 64 characters, not {owner!r}"
        ) from None
