"""What a configuration file may say of sources: one class for each kind. Must not know files, the environment or how anything is followed.

A new kind is a class here, a line in `SourceSettings`, and its maker in `connwatch.sources.table`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from connwatch.settings.problems import NAME
from connwatch.settings.toml import Table

__all__ = ["DockerSource", "FileSource", "JournaldSource", "SourceSettings", "SshSource", "StdinSource"]


class _Source(Table):
    name: str = Field(description="Shown everywhere, and the label `source` of metrics. Letters, digits, dot, dash, underscore.")
    format: str = Field("auto", description='The log format: "auto", a shipped format, or a name from [formats].')

    @field_validator("name")
    @classmethod
    def _short_name(cls, value: str) -> str:
        if NAME.fullmatch(value) is None:
            raise ValueError("a name is 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or digit")
        return value


class FileSource(_Source):
    """A growing file, through rotation and truncation."""

    kind: Literal["file"]
    path: Path = Field(description="The file to follow, or a pattern such as /var/log/nginx/*.log.")
    start: Literal["end", "beginning"] = Field("end", description="Where to begin in a file that is there when the daemon starts.")


class StdinSource(_Source):
    """Standard input of the process."""

    kind: Literal["stdin"]


class DockerSource(_Source):
    """The output of containers, through restarts and re-creation."""

    kind: Literal["docker"]
    container: str | None = Field(None, min_length=1, description="The container's name.")
    project: str | None = Field(None, min_length=1, description="The compose project, together with `service`.")
    service: str | None = Field(None, min_length=1, description="The compose service; each of its containers is a stream of its own.")
    label: str | None = Field(
        None, min_length=1, description='Instead of a name: a label, "key" or "key=value" (connwatch.format=coda-mcp, which also says the format).'
    )
    host: str | None = Field(
        None,
        min_length=1,
        description="The engine: unix://, tcp:// or ssh://. Default: DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, else the local socket.",
    )
    start: Literal["end", "beginning"] = Field("end", description="Where to begin in logs that are there when the daemon starts.")

    @field_validator("container")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return value.removeprefix("/") if value else value

    @field_validator("host")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("unix://", "tcp://", "ssh://", "http://", "https://")):
            raise ValueError(f"{value!r} is no address of an engine: unix:///var/run/docker.sock, tcp://host:port or ssh://user@host")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> DockerSource:
        ways = [self.container is not None, self.project is not None or self.service is not None, self.label is not None]
        if sum(ways) != 1 or (self.project is None) != (self.service is None):
            raise ValueError("say in exactly one way which container is meant: `container`, or `project` with `service`, or `label`")
        return self


class SshSource(_Source):
    """A log on another host, by the system's ssh with its own configuration: a container's, a file's, or a command's output."""

    kind: Literal["ssh"]
    host: str = Field(min_length=1, description="The host as ssh knows it, for example user@host or an alias.")
    container: str | None = Field(None, min_length=1, description="The container there whose log to follow.")
    path: str | None = Field(None, min_length=1, description="The file there to follow, through rotation and truncation.")
    command: str | None = Field(None, min_length=1, description="What to run there, for example: sudo tail -n 0 -F /var/log/mcp.log")
    start: Literal["end", "beginning"] = Field("end", description="Where to begin in a container's log or a file the first time.")
    ssh_config: Path | None = Field(None, description="An ssh configuration to use instead of the user's own.")

    @field_validator("host")
    @classmethod
    def _no_option(cls, value: str) -> str:
        if value.startswith("-") or any(character.isspace() for character in value):
            raise ValueError(f"{value!r} is no host: it begins with a dash or has a space; ports, keys, jumps belong into ~/.ssh/config")
        return value

    @field_validator("path")
    @classmethod
    def _whole_path(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"{value!r} must begin with /: over there it is read from the home directory of the login otherwise")
        return value

    @model_validator(mode="after")
    def _one_of_three(self) -> SshSource:
        given = [name for name in ("container", "path", "command") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) + " are given" if given else "none is given"
            raise ValueError(f"a source of kind ssh follows one of container, path and command; {said}")
        return self


class JournaldSource(_Source):
    """One unit's messages in the system journal."""

    kind: Literal["journald"]
    unit: str = Field(min_length=1, description="The systemd unit, for example coda-mcp.service.")
    directory: Path | None = Field(None, description="A directory with journal files, where it is not the system's own journal.")
    start: Literal["end", "beginning"] = Field("end", description="Where to begin the first time.")


SourceSettings = Annotated[FileSource | StdinSource | DockerSource | SshSource | JournaldSource, Field(discriminator="kind")]
