"""Which tokens the `mediarpc dev` of a data folder accepts, for `mediarpc token` beside it; no secret is in it."""

import json
import os
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from server.durable import write_durably
from server.settings import Settings, SettingsError


class SecretSource(StrEnum):
    """Where a server has the secret of HS256 tokens from."""

    FOLDER = "folder"  # secrets.json, which it made
    ENVIRONMENT = "environment"  # AUTH_JWT_SECRET, which other processes do not see
    NONE = "none"  # it checks tokens in other ways


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What a server that runs as `process` asks of tokens."""

    process: int
    secret: SecretSource
    issuer: str | None
    audience: str | None

    @classmethod
    def of(cls, asked: Settings) -> "TokenPolicy":
        """What this process will ask, by the settings of its environment."""
        source = SecretSource.ENVIRONMENT if asked.auth_jwt_secret else SecretSource.NONE
        secret = source if asked.has_verifier else SecretSource.FOLDER
        return cls(os.getpid(), secret, asked.auth_issuer, asked.auth_audience)

    @classmethod
    def of_running(cls, data_dir: Path) -> "TokenPolicy | None":
        """What the server asks that runs in a data folder, None when none does."""
        try:
            document = json.loads(_file(data_dir).read_text(encoding="utf-8"))
            source = SecretSource(document["secret"])
            found = cls(int(document["process"]), source, document["issuer"], document["audience"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return found if psutil.pid_exists(found.process) else None

    def require_made_secret(self) -> None:
        """SettingsError when the server's secret is not the folder's, so that nothing can be signed for it here."""
        if self.secret is SecretSource.ENVIRONMENT:
            raise SettingsError(
                f"The mediarpc dev that runs here (process {self.process}) has AUTH_JWT_SECRET from its own "
                "environment, which this command cannot know: set the same one"
            )
        if self.secret is SecretSource.NONE:
            raise SettingsError(
                f"The mediarpc dev that runs here (process {self.process}) has no AUTH_JWT_SECRET: "
                "its tokens come from whoever AUTH_JWKS_URL or AUTH_INTROSPECTION_URL belongs to"
            )

    def warn_of_other_secret(self, settings: Settings, secret: str) -> None:
        """Say on stderr that a token of these settings is not for the server that runs with the folder's secret."""
        if self.secret is SecretSource.FOLDER and settings.auth_jwt_secret != secret:
            print(
                f"mediarpc: the mediarpc dev that runs here (process {self.process}) has another secret than "
                "AUTH_JWT_SECRET, and will refuse this token: unset it to sign for that one",
                file=sys.stderr,
            )

    def publish(self, data_dir: Path) -> None:
        """Let commands beside this process know."""
        write_durably(_file(data_dir), json.dumps(asdict(self)))


def _file(data_dir: Path) -> Path:
    return data_dir / "tokens.json"
