"""`connwatch check`: the configuration, the catalogue's own examples, and what the format of each log hides. Must not follow logs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connwatch.cli.console import print_json, screen
from connwatch.cli.program import FOUND
from connwatch.cli.setup import Setup, config_option, log_format_option
from connwatch.rules.catalogue import KINDS

if TYPE_CHECKING:
    from connwatch.cli.checking import Look
    from connwatch.cli.spans import Line
    from connwatch.notify.targets import Targets
    from connwatch.settings.advice import Advice
    from connwatch.settings.selfcheck import Checked

__all__ = ["check"]

_HELP = """Check the configuration, the catalogue's examples, and what the format of each log hides.

The logs are those of the configuration's file sources and the FILEs given here. For a proxy's log it says what its format leaves out,
what each field would buy, and the LOG_FORMAT to set. Targets of alerts are read, and Apprise is asked whether it takes their URLs; nothing is sent.

\b
Examples:
  connwatch check --config connwatch.toml
  connwatch check access.log
  connwatch check --show client claude
  connwatch check --schema > connwatch.schema.json

\b
Exit status: 0 fine (advice is no fault); 1 an example fails or a log
cannot be read; 2 the configuration is wrong.
"""


@click.command(help=_HELP, short_help="Check the configuration, the catalogue and what your log formats hide.")
@click.argument("files", metavar="[[FORMAT:]FILE]...", nargs=-1)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration file, for editors.")
@click.option("--show", nargs=2, metavar="KIND ID", help=f"Show one entry of the catalogue. Kinds: {', '.join(KINDS)}.")
@click.option("--verbose", "-v", is_flag=True, help="Name every entry of the catalogue that was checked.")
@log_format_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object (schema connwatch.check/1).")
@config_option
@click.pass_context
def check(
    ctx: click.Context,
    files: tuple[str, ...],
    schema: bool,
    show: tuple[str, str] | None,
    verbose: bool,
    log_formats: tuple[str, ...],
    as_json: bool,
    config: Path | None,
) -> None:
    """Runs the checks in the order of the help text."""
    if schema:
        import json

        from connwatch.settings.settings import schema as describe

        sys.stdout.write(json.dumps(describe(), indent=2) + "\n")
        return
    from connwatch.cli.inputs import parse_log_formats
    from connwatch.cli.setup import prepare
    from connwatch.cli.targets import checked_targets
    from connwatch.settings.messages import load_templates
    from connwatch.settings.selfcheck import check_catalogue

    setup = prepare(config, parse_log_formats(log_formats), examples=True)
    checked = check_catalogue(setup.catalogue)
    if show is not None:
        from connwatch.cli.entry import show_entry

        show_entry(setup.catalogue, checked, *show)
        return
    load_templates(setup.settings.catalogue.dir if setup.settings is not None else None)  # one that is wrong is refused
    told = checked_targets(setup)
    looks = list(_looks(setup, files))
    bad = any(entry.problems for entry in checked) or any(isinstance(look, str) for _, look in looks)
    if as_json:
        print_json(_row(config, checked, told, looks))
    else:
        from connwatch.cli.spans import write

        shown = screen()
        write(sys.stdout, _lines(config, setup, checked, told, looks, shown.width, verbose=verbose), colour=shown.colour)
    ctx.exit(FOUND if bad else 0)


def _looks(setup: Setup, files: Sequence[str]) -> Iterator[tuple[str, Look | str]]:
    """Each log by its name: what it shows, or why it cannot be read."""
    from connwatch.cli.checking import look_at
    from connwatch.cli.inputs import named_input
    from connwatch.model.errors import ConnwatchError
    from connwatch.sources.finished import Finished

    formats = setup.catalogue.formats
    wanted = [(argument, *named_input(argument, formats)) for argument in files]
    if setup.settings is not None:
        wanted += [(source.name, str(source.path), source.format) for source in setup.settings.sources if source.kind == "file"]
    for name, path, format_ in wanted:
        source = Finished(path, format_)
        try:
            source.open()
            yield name, look_at(source, formats)
        except ConnwatchError as error:
            yield name, str(error)


def _row(config: Path | None, checked: Sequence[Checked], told: Targets, looks: Sequence[tuple[str, Look | str]]) -> dict[str, Any]:
    return {
        "schema": "connwatch.check/1",
        "configuration": None if config is None else str(config),
        "catalogue": {
            "entries": len(checked),
            "examples": sum(entry.examples for entry in checked),
            "failed": [{"entry": entry.entry, "problems": entry.problems} for entry in checked if entry.problems],
        },
        "targets": {"names": [target.name for target in told.targets], "heartbeat": bool(told.heartbeat), "warnings": list(told.warnings)},
        "logs": [{"name": name, "error": look} if isinstance(look, str) else {"name": name, **_look_row(look)} for name, look in looks],
    }


def _look_row(look: Look) -> dict[str, Any]:
    advice = look.advice
    return {
        "format": look.format or None,
        "lines": look.lines,
        "unknown": look.unknown,
        "missing": [{"variables": list(one.variables), "hides": one.hides, "buys": one.buys} for one in advice.missing] if advice is not None else [],
        "log_format": advice.log_format if advice is not None and advice.missing else None,
    }


_SIDE = 15


def _lines(
    config: Path | None,
    setup: Setup,
    checked: Sequence[Checked],
    told: Targets,
    looks: Sequence[tuple[str, Look | str]],
    width: int | None,
    *,
    verbose: bool,
) -> Iterator[Line]:
    from connwatch.cli.spans import padded
    from connwatch.cli.summary import many

    def titled(title: str, text: str, tone: Any = "") -> Line:
        return [(padded(title, _SIDE), "faint"), (text, tone)]

    settings = setup.settings
    if settings is None:
        yield titled("configuration", "none given; the defaults hold")
    else:
        where = str(config) if config is not None else "the environment"
        counts = f"{many(len(settings.sources), 'source')}, {many(len(settings.formats), 'format')} of your own"
        yield titled("configuration", f"{where}: fine, {counts}", "good")
    if told.targets or told.heartbeat:
        names = ", ".join(target.name for target in told.targets) or "none"
        yield titled("targets", f"{len(told.targets)}: {names}{'; a heartbeat' if told.heartbeat else ''}", "good")
    for warning in told.warnings:
        yield titled("", warning, "warn")
    failed = [entry for entry in checked if entry.problems]
    counts = f"{len(checked)} entries, {sum(entry.examples for entry in checked)} examples"
    yield titled("catalogue", f"{counts}: {len(failed)} fail" if failed else f"{counts}: all hold", "bad" if failed else "good")
    for entry in checked if verbose else failed:
        yield [(" " * _SIDE, ""), ("fails  " if entry.problems else "holds  ", "bad" if entry.problems else "good"), (entry.entry, "")]
        for problem in entry.problems:
            yield [(" " * (_SIDE + 7), ""), (problem, "faint")]
    for name, look in looks:
        yield []
        yield from _log_lines(name, look, width)
    wanting = [look.advice for _, look in looks if not isinstance(look, str) and look.advice is not None and look.advice.missing]
    if wanting:
        yield from _setting_lines(wanting[0])


def _log_lines(name: str, look: Look | str, width: int | None) -> Iterator[Line]:
    from connwatch.cli.spans import cut, padded, wrapped

    if isinstance(look, str):
        yield [(name, "strong"), ("  ", ""), (look.removeprefix(f"{name}: "), "bad")]
        return
    known = look.lines - look.unknown
    yield [
        (name, "strong"),
        ("  ", ""),
        (look.format or "no known format", "" if look.format else "bad") if look.lines else ("no format yet", ""),
        (f"  {known} of {look.lines} lines read" if look.lines else "  it is empty", "faint"),
    ]
    if look.unknown:
        sample = look.sample if width is None else cut(look.sample, width - 4 - 9)
        yield [("    not read ", "faint"), (sample, "")]
    advice = look.advice
    if advice is None or not advice.missing:
        if advice is not None:
            yield [("    its format hides nothing that would help", "good")]
        return
    yield [("    it does not say", "faint")]
    for one in advice.missing:
        variables = " ".join(f"${variable}" for variable in one.variables)
        yield [("      ", ""), (padded(variables, 28) if len(variables) <= 27 else variables, "warn")]
        for title, text in (("hides", one.hides), ("buys", one.buys)):
            for number, line in enumerate(wrapped(text, None if width is None else width - 14)):
                yield [(" " * 8, ""), (padded(title if number == 0 else "", 6), "faint"), (line, "")]


def _setting_lines(advice: Advice) -> Iterator[Line]:
    """The recommended format, unbroken, so that it can be copied."""
    yield []
    yield [("To set, in the environment of nginx-proxy's container:", "faint")]
    yield [(f"LOG_FORMAT='{advice.log_format}'", "")]
    yield [("The same in a compose file, where a dollar is written twice:", "faint")]
    yield [(advice.compose, "")]
    yield [("In an nginx of your own, with `access_log /var/log/nginx/access.log connwatch;`:", "faint")]
    yield [(advice.nginx, "")]
    yield [("It is recognised without any setting here. Its lines hold session ids: keep the log readable by its owner only.", "faint")]
