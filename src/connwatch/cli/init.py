"""`connwatch init`: looks around, writes a commented configuration, says what it found and advises. Must not follow or change anything else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connwatch.cli.console import print_json, screen
from connwatch.model.errors import ConfigError

if TYPE_CHECKING:
    from connwatch.cli.choosing import Choice
    from connwatch.cli.found import Found
    from connwatch.cli.spans import Line, Tone

__all__ = ["init"]

_HELP = """Look around on this machine, and write a configuration that follows what is there.

Asks the container engine (DOCKER_HOST, or the usual socket; five seconds at most) for its containers, reads the last lines of those that look like a
reverse proxy or an MCP server, looks at log files at the usual places and at the journal's units. Of a container's environment it reads LOG_FORMAT,
LOG_JSON, DISABLE_ACCESS_LOGS, HTTPS_METHOD and VIRTUAL_HOST, nothing else. It changes nothing but FILE (connwatch.toml), and never overwrites that.

\b
Examples:
  connwatch init
  connwatch init /etc/connwatch/connwatch.toml
  connwatch init --print
  DOCKER_HOST=ssh://operator@droplet connwatch init --json | jq .remarks

\b
Exit status: 0 fine, also where nothing was found; 2 FILE exists, or
cannot be written.
"""


@click.command(help=_HELP, short_help="Look around, and write a configuration that follows what is there.")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path, dir_okay=False), default=Path("connwatch.toml"))
@click.option("--print", "dry", is_flag=True, help="Write the configuration to standard output, and no file.")
@click.option("--json", "as_json", is_flag=True, help="What was found as one JSON object (schema connwatch.init/1), and no file.")
def init(file: Path, dry: bool, as_json: bool) -> int:
    """Looks, chooses, writes."""
    if not (dry or as_json) and (file.exists() or file.is_symlink()):
        raise _taken(file)
    from connwatch.cli.choosing import choose
    from connwatch.cli.drafting import draft
    from connwatch.cli.lookaround import look_around
    from connwatch.settings.loader import load_catalogue

    formats = load_catalogue().formats
    found = look_around(formats)
    choice = choose(found, formats)
    text = draft(choice, str(file))
    if as_json:
        print_json(_row(found, choice, text))
        return 0
    if dry:
        sys.stdout.write(text)
    else:
        _write(file, text)
    from connwatch.cli.spans import write

    stream = sys.stderr if dry else sys.stdout
    shown = screen(stream)
    write(stream, _lines(found, choice, None if dry else file, shown.width), colour=shown.colour)
    return 0


def _taken(file: Path) -> ConfigError:
    return ConfigError("exists, and is left as it is", file=str(file), hint="name another file, or compare with `connwatch init --print`")


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise _taken(file) from error
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(file), hint="name a file in a directory where you may write") from error


def _row(found: Found, choice: Choice, text: str) -> dict[str, Any]:
    containers = [
        {
            "name": one.name,
            "image": one.image,
            "role": one.role,
            "status": one.status,
            "project": one.project or None,
            "service": one.service or None,
            "settings": dict(one.settings),
            "format": one.look.format or None if one.look is not None else None,
        }
        for one in found.engine.containers
    ]
    files = [{"path": log.path, **({"error": look} if isinstance(look := log.look, str) else {"format": look.format or None})} for log in found.files]
    return {
        "schema": "connwatch.init/1",
        "engine": {"address": found.engine.address, "error": found.engine.error or None},
        "containers": containers,
        "files": files,
        "units": list(found.units),
        "sources": [{"name": one.name, **one.settings} for one in choice.sources],
        "remarks": [{"what": one.what, "do": one.do, "setting": one.setting or None} for one in choice.remarks],
        "configuration": text,
    }


_SIDE = 12


def _lines(found: Found, choice: Choice, file: Path | None, width: int | None) -> Iterator[Line]:
    from connwatch.cli.spans import padded, wrapped

    def titled(title: str, text: str, tone: Tone = "") -> Iterator[Line]:
        for number, part in enumerate(wrapped(text, None if width is None else width - _SIDE)):
            yield [(padded(title if number == 0 else "", _SIDE), "faint"), (part, tone)]

    running = [one for one in found.engine.containers if one.running]
    if running or not found.engine.error:
        yield from titled("containers", f"{len(running)} running at {found.engine.address}")
    for one in running:
        if one.role == "tunnel":
            yield from titled("", f"{one.name} is a Cloudflare Tunnel: what it drops in front never reaches the logs here")
    yield from titled("files", ", ".join(log.path for log in found.files) or "none at the usual places")
    if found.units:
        yield from titled("journal", ", ".join(found.units))
    for source in choice.sources:
        yield from titled("follow", f"{source.name}: {source.why}", "good")
    if choice.hosts:
        yield from titled("servers", ", ".join(choice.hosts))
    for remark in choice.remarks:
        yield []
        yield from titled("see to", remark.what, "warn")
        yield from titled("", remark.do)
        if remark.setting:
            yield [(" " * _SIDE, ""), (remark.setting, "")]  # unbroken, so that it can be copied
    yield []
    if file is None:
        yield from titled("written", "nothing")
    else:
        yield from titled("written", f"{file}; next:", "good")
        for command in ("check", "run"):
            if command == "check" or choice.sources:
                yield [(" " * _SIDE, ""), (f"connwatch {command} --config {file}", "")]
