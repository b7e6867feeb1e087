"""Looks at lines of a log for `check` and `init`: its format, how many lines are understood, what the format leaves out. Must not show anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connwatch.model.line import Line
from connwatch.model.record import Record, Request, Unparsed
from connwatch.parse.docker_json import unwrapped
from connwatch.parse.recognise import AutoParser
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import Formats, make_parser
from connwatch.settings.advice import Advice, advise
from connwatch.sources.finished import BLOCK, Finished

__all__ = ["Look", "look_at", "look_through"]

_LINES = 2000
#: What a key or a field of a request says of the variable that it was read from.
_TELLING = {"connection": "connection", "request_id": "request_id"}


@dataclass(frozen=True, slots=True)
class Look:
    """What the first lines of a log show. `format` "" where none was recognised; `advice` None where nothing can be set."""

    format: str
    lines: int
    unknown: int
    sample: str
    advice: Advice | None


def look_at(source: Finished, formats: Formats) -> Look:
    """Reads the first lines of an opened input and closes it. Raises SourceError."""
    beginning = _beginning(source)
    lines = beginning.split("\n")[:_LINES] if beginning else []
    return look_through(source.name, lines, source.format, formats)


def look_through(name: str, lines: Sequence[str], format_: str, formats: Formats) -> Look:
    """What these lines of the source `name` show."""
    redactor = Redactor(b"check")
    parser: Any = AutoParser("auto", formats, redactor) if format_ == "auto" else make_parser(format_, formats, redactor)
    records: list[Record] = []
    for number, line in enumerate(lines, 1):
        records += parser.parse(Line(name, number, unwrapped(line.rstrip("\r"))))
    records += parser.flush()
    unknown = [record for record in records if isinstance(record, Unparsed)]
    requests = [record for record in records if isinstance(record, Request)]
    counts: dict[str, int] = {}
    for record in requests:
        counts[record.format] = counts.get(record.format, 0) + 1
    best = max(counts, key=lambda one: counts[one], default="")
    advice = advise(best, formats, _shown_by([record for record in requests if record.format == best])) if best else None
    return Look(best, len(lines), len(unknown), unknown[0].text if unknown else "", advice)


def _beginning(source: Finished) -> str:
    """Whole lines from the first two blocks."""
    data = b""
    while len(data) < 2 * BLOCK and (block := source.read()):
        data += block
    complete = len(data) < 2 * BLOCK or b"\n" not in data
    source.close()
    return (data if complete else data[: data.rfind(b"\n")]).decode("utf-8", "replace").rstrip("\n")


def _shown_by(requests: list[Request]) -> list[str]:
    """Variables that the lines prove to be there beyond the format's fixed part."""
    shown = {_TELLING[kind] for record in requests for kind, _ in record.keys if kind in _TELLING}
    if any(record.upstream is not None for record in requests):
        shown.add("upstream_addr")
    if requests and not any(record.coarse for record in requests):
        shown.add("msec")  # the container engine's stamp does what $msec would
    return sorted(shown)
