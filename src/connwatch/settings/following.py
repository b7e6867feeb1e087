"""What a configuration file may say of sources: one class for each kind. Must not know files, the environment or how anything is followed.

A new kind is a class here, a line in `SourceSettings`, and its maker in `connwatch.sources.table`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

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
    """The output of a container, through restarts and re-creation."""

    kind: Literal["docker"]
    container: str = Field(min_length=1, description="The container's name.")


class SshSource(_Source):
    """The output of a command on another host, by the system's ssh with its own configuration."""

    kind: Literal["ssh"]
    host: str = Field(min_length=1, description="The host as ssh knows it, for example user@host or an alias.")
    command: str = Field(min_length=1, description="What to run there, for example: docker logs -f --timestamps nginx-proxy")


class JournaldSource(_Source):
    """One unit's messages in the system journal."""

    kind: Literal["journald"]
    unit: str = Field(min_length=1, description="The systemd unit, for example coda-mcp.service.")


SourceSettings = Annotated[FileSource | StdinSource | DockerSource | SshSource | JournaldSource, Field(discriminator="kind")]
