"""`connwatch notify`: who is told, and a test message to them. Must not know how anything is sent."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from connwatch.cli.console import print_json, remark, screen
from connwatch.cli.program import FOUND, UNREACHABLE
from connwatch.cli.setup import config_option, prepare
from connwatch.model.errors import ConfigError
from connwatch.model.nearest import nearest

if TYPE_CHECKING:
    from connwatch.cli.spans import Line, Tone
    from connwatch.notify.targets import Target, Targets

__all__ = ["notify"]

_AT_ONCE: Final = 4  # each send is a process of 40 MB
_HINT: Final = "name a file with alerts.targets_file, or put URLs into CONNWATCH_TARGETS"

_HELP = """List who is told, or send a test message.

The targets are those of alerts.targets_file and of CONNWATCH_TARGETS; their URLs hold passwords and are never shown. The test message looks like an
alert and says that it is a test. It goes to every target, whatever its tags, or to the one that is named.

\b
Examples:
  connwatch notify --list --config connwatch.toml
  connwatch notify --test
  connwatch notify --test phone
  CONNWATCH_TARGETS='ntfys://ntfy.example.org/topic' connwatch notify --test

\b
Exit status: 0 fine; 1 some did not take it; 2 wrong usage or
configuration, or no target; 3 no target could be reached.
"""


@click.command(help=_HELP, short_help="List who is told, and send a test message.")
@click.argument("name", metavar="[TARGET]", required=False)
@click.option("--test", is_flag=True, help="Send a test message, and say how that went.")
@click.option("--list", "listing", is_flag=True, help="List the targets with their tags, without their URLs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a target and line.")
@config_option
def notify(name: str | None, test: bool, listing: bool, as_json: bool, config: Path | None) -> int:
    """Lists or sends."""
    from connwatch.cli.targets import configured_targets

    if test == listing:
        raise click.UsageError("Give one of --test and --list.")
    setup = prepare(config, {})
    found = configured_targets(setup)
    if not found.targets and not (listing and found.heartbeat):
        raise ConfigError("nobody is told: there is no target", hint=_HINT)
    targets = _named(found, name)
    if listing:
        rows = [{"target": target.name, "schema": target.schema, "tags": list(target.tags)} for target in targets]
    else:
        from connwatch.notify.post import DEADLINE

        deadline = setup.settings.alerts.deadline_seconds if setup.settings is not None else DEADLINE
        rows = asyncio.run(_tested(targets, deadline))
    _show(rows, as_json=as_json)
    for warning in found.warnings:
        remark(warning)
    if listing and found.heartbeat and not as_json:
        remark("a heartbeat is sent besides")
    failed = sum(row.get("result") == "failed" for row in rows)
    return 0 if not failed else UNREACHABLE if failed == len(rows) else FOUND


def _named(found: Targets, name: str | None) -> Sequence[Target]:
    if name is None:
        return found.targets
    names = [target.name for target in found.targets]
    if name not in names:
        hint = nearest(name, names) or f"there are {', '.join(names)}"
        raise click.BadParameter(f"no target is called {name!r}; {hint}", param_hint="TARGET")
    return [target for target in found.targets if target.name == name]


async def _tested(targets: Sequence[Target], deadline: float) -> list[dict[str, Any]]:
    from connwatch.notify.post import post
    from connwatch.notify.sample import sample

    room = asyncio.Semaphore(_AT_ONCE)

    async def one(target: Target) -> dict[str, Any]:
        async with room:
            outcome = await post(target, sample(), deadline)
        result = "sent" if outcome.sent else "failed"
        return {"target": target.name, "schema": target.schema, "result": result, "seconds": round(outcome.seconds, 3), "error": outcome.error}

    return await asyncio.gather(*(one(target) for target in targets))


def _show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            print_json(dict(row))
        return
    from connwatch.cli.spans import write

    write(sys.stdout, _lines(rows), colour=screen().colour)
    sys.stdout.flush()


_TITLES: Final = {"target": "TARGET", "schema": "SCHEMA", "tags": "WANTS", "result": "RESULT", "seconds": "TOOK", "error": "WHY"}


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    from connwatch.cli.spans import padded
    from connwatch.cli.words import lasting

    def cell(key: str, value: Any) -> str:
        if key == "tags":
            return ", ".join(value) or "everything"
        return lasting(value) if key == "seconds" else str(value)

    def tone(key: str, value: Any) -> Tone:
        if key == "result":
            return "good" if value == "sent" else "bad"
        return "faint" if key in ("schema", "seconds") else ""

    if not rows:
        return
    keys = [key for key in rows[0] if key != "error" or any(row["error"] for row in rows)]
    widths = {key: max(len(_TITLES[key]), *(len(cell(key, row[key])) for row in rows)) for key in keys}
    yield [(padded(_TITLES[key], widths[key] + 2), "faint") for key in keys]
    for row in rows:
        yield [(padded(cell(key, row[key]), widths[key] + 2), tone(key, row[key])) for key in keys]
