"""What a configuration file may say, and the rules that its values obey. Must not know files, the environment or error texts.

Every field's `description` is user documentation: it reaches editors through the JSON Schema, and the example file is tested to
name every field. Unknown keys are refused, because a misspelt setting that is silently ignored is the worst kind of bug to find.
"""

from __future__ import annotations

import re
from datetime import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from connwatch.model.family import FAMILIES
from connwatch.settings.address import host_and_port
from connwatch.settings.following import SourceSettings
from connwatch.settings.maintenance import zone_exists
from connwatch.settings.problems import NAME
from connwatch.settings.toml import Table

__all__ = [
    "AlertSettings",
    "CatalogueSettings",
    "EngineSettings",
    "FormatSettings",
    "HttpSettings",
    "MetricsSettings",
    "Settings",
    "StateSettings",
]


class StateSettings(Table):
    """What survives a restart."""

    path: Path = Field(Path("var/connwatch.db"), description="The file that keeps attempts and reading positions over a restart.")
    keep_days: float = Field(30, gt=0, le=3650, description="How long attempts are kept after they ended.")
    max_mb: int = Field(256, ge=8, le=1_000_000, description="Most megabytes that the file may take; beyond it the oldest attempts go first.")


class HttpSettings(Table):
    """Where the page, the API and the metrics are served."""

    listen: str = Field("127.0.0.1:9817", description="HOST:PORT to listen on. Beyond loopback a token_file is needed.")

    token_file: Path | None = Field(None, description="A file with the token that readers must show; needed to listen beyond loopback.")

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host_and_port(value)
        return value


class FormatSettings(Table):
    """A log format of your own: an nginx `log_format` string, or what the fields of JSON lines or key=value lines mean.

    The parts of a field map are checked where they are compiled, so that a catalogue file and a configuration file obey one rule.
    """

    kind: Literal["log_format", "json", "logfmt"] = Field(
        "log_format", description='"log_format" with an nginx log_format; "json" or "logfmt" with fields.'
    )
    log_format: str | None = Field(None, min_length=1, description="The nginx log_format string, exactly as nginx has it.")
    role: Literal["proxy", "app"] | None = Field(None, description="Who writes it: the proxy (when a request ends) or the server (while it runs).")
    fields: dict[str, Any] | None = Field(
        None, description='What the fields of a line mean: method = "req.method", target = ["req.url", "url"]; dots go into nested objects.'
    )
    keys: dict[str, Any] | None = Field(None, description='Fields that tie lines together: session_id = "sid", client_id = "client".')
    when: dict[str, Any] | None = Field(None, description='Which lines are of this format: has = ["req"], equals = { logger = "http" }.')
    begins: bool | None = Field(None, description="Whether the line is written when a request begins, so that it has no status.")

    @model_validator(mode="after")
    def _one_kind(self) -> FormatSettings:
        if self.kind == "log_format" and self.log_format is None:
            raise ValueError('a format needs log_format, or kind = "json" or "logfmt" with fields')
        if self.kind != "log_format" and (self.log_format is not None or not self.fields):
            raise ValueError(f"a format of kind {self.kind} has fields, and no log_format")
        return self


class MaintenanceSettings(Table):
    """A window that comes again: nobody is told of what happens in it."""

    name: str = Field(min_length=1, max_length=80, description="What it is called where it is the reason that nobody was told.")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun"), min_length=1, description="The days on which it begins."
    )
    start: time = Field(description='When it begins, like "02:00".')
    end: time = Field(description="When it ends; a time before `start` is on the next day.")
    timezone: str = Field("UTC", description='The clock that the times are on, like "Europe/Madrid".')
    client: str = Field("*", description="A glob over client families.")
    server: str = Field("*", description="A glob over servers.")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _clock(cls, value: object) -> object:
        if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value) is None:
            raise ValueError(f"{value!r} is no time of day: HH:MM, 00:00 to 23:59")
        return value

    @field_validator("client")
    @classmethod
    def _some_client(cls, value: str) -> str:
        if not any(fnmatchcase(family, value.lower()) for family in FAMILIES):
            raise ValueError(f"{value!r} fits no client; there are {', '.join(FAMILIES)}")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if not zone_exists(value):
            raise ValueError(f"{value!r} is no time zone that this machine knows; like Europe/Madrid, or UTC")
        return value


class AlertSettings(Table):
    """Who is told, and how."""

    targets_file: Path | None = Field(
        None, description="A file with one Apprise URL a line. URLs hold passwords: keep it readable by its owner only."
    )
    link: str = Field("", description="Where people who get a message find the page, for example https://connwatch.example.org; empty: a command.")
    wait_seconds: float = Field(30.0, ge=0, le=3600, description="Wait so long before a message, so that what has one cause becomes one.")
    again_seconds: float = Field(300.0, ge=0, le=86_400, description="Least time between two messages about one cause.")
    repeat_seconds: float = Field(14_400.0, ge=60, le=604_800, description="Tell of what goes on anew after so long.")
    grace_seconds: float = Field(60.0, ge=0, le=3600, description="Tell nothing for so long after the start.")
    silent_hours: float = Field(24.0, ge=0, le=8760, description="Tell when a source that gave lines gives none for so long; 0: never.")
    maintenance: tuple[MaintenanceSettings, ...] = Field((), description="Times at which nobody is told; one [[alerts.maintenance]] block each.")

    deadline_seconds: float = Field(20, ge=1, le=300, description="A send that takes longer has failed, and is tried again.")
    heartbeat_seconds: float = Field(60, ge=5, le=86_400, description="How often the heartbeat's URL is told that connwatch lives.")
    rate_messages: int = Field(6, ge=1, le=1000, description="Most messages that a target gets in rate_seconds; what is more becomes one message.")
    rate_seconds: float = Field(600, ge=1, le=86_400, description="The time that rate_messages counts for.")

    @field_validator("link")
    @classmethod
    def _a_page(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is no address of a page: https://…")
        return value


class MetricsSettings(Table):
    """What the metrics may name."""

    hosts: tuple[str, ...] = Field((), max_length=20, description='Servers that get the label `host`; all others are "other".')


class CatalogueSettings(Table):
    """Your own clients, formats, stage rules and diagnoses."""

    dir: Path | None = Field(
        None, description="A directory with clients/, formats/, stages/, diagnoses/, alerts/, messages/; entries replace shipped ones by id."
    )


class EngineSettings(Table):
    """What the logs cannot tell about your deployment, and the engine's bounds."""

    max_open: int = Field(10_000, ge=1, le=10_000_000, description="Most attempts kept open at once; then what got least far is closed and counted.")
    lateness_seconds: float = Field(2.0, ge=0, le=60, description="How long to wait for lines that arrive late or out of order.")
    mcp_paths: tuple[str, ...] = Field((), description='Paths of MCP endpoints that do not look like one, for example ["/connect"].')
    endpoints: dict[str, str] = Field({}, description='OAuth endpoints that do not look like one: "/customer/in" = "authorization".')
    servers: dict[str, str] = Field({}, description='The server a source speaks of, where its lines name no host: coda-mcp = "mcp.example.org".')

    @field_validator("mcp_paths")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            if not path.startswith("/"):
                raise ValueError(f"{path!r} is not a path: it must begin with /")
        return value

    @field_validator("endpoints")
    @classmethod
    def _endpoints(cls, value: dict[str, str]) -> dict[str, str]:
        known = ("resource_metadata", "server_metadata", "registration", "authorization", "consent", "token")
        for path, stage in value.items():
            if not path.startswith("/"):
                raise ValueError(f"{path!r} is not a path: it must begin with /")
            if stage not in known:
                raise ValueError(f"{stage!r} is no stage of an endpoint; one of {', '.join(known)}")
        return value


class Settings(Table):
    """The whole configuration."""

    state: StateSettings = StateSettings()
    http: HttpSettings = HttpSettings()
    sources: tuple[SourceSettings, ...] = Field((), description="What to follow; one [[sources]] block each.")
    formats: dict[str, FormatSettings] = Field({}, description="Log formats of your own; one [formats.NAME] block each.")
    alerts: AlertSettings = AlertSettings()
    metrics: MetricsSettings = MetricsSettings()
    engine: EngineSettings = EngineSettings()
    catalogue: CatalogueSettings = CatalogueSettings()

    @field_validator("sources")
    @classmethod
    def _distinct(cls, value: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        names = [source.name for source in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are called {twice[0]!r}; every source needs a name of its own")
        if sum(source.kind == "stdin" for source in value) > 1:
            raise ValueError("only one source can read standard input")
        return value

    @field_validator("formats")
    @classmethod
    def _format_names(cls, value: dict[str, FormatSettings]) -> dict[str, FormatSettings]:
        for name in value:
            if NAME.fullmatch(name) is None or name == "auto":
                raise ValueError(f"{name!r} cannot be the name of a format: use letters, digits, dots, dashes, underscores, and not auto")
        return value
