"""What `explain` tells of each record: the format, the fields as they are kept, the stage, what became a digest. Must not show anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connwatch.cli.setup import Setup
from connwatch.diagnose.serial import iso
from connwatch.model.line import Line
from connwatch.model.record import Chatter, Record, Request, Unparsed
from connwatch.parse.docker_json import unwrapped
from connwatch.parse.printable import printable
from connwatch.parse.recognise import AutoParser
from connwatch.parse.recognise import explain as ask_all
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import make_parser
from connwatch.rules.stages import Classifier

__all__ = ["Explainer", "Told"]

_DIGEST = re.compile(r"#[0-9a-f]{16}")
_PLACES = frozenset({"source", "line", "end_line", "format", "text", "reason"})


@dataclass(slots=True)
class Told:
    """One record, explained. `fields` are ready to show; `others` are (format, why it did not take the line)."""

    line: int
    end_line: int
    format: str
    kind: str
    text: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    stage: str = ""
    redacted: list[str] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)

    @property
    def unknown(self) -> bool:
        """Whether no format took the line."""
        return not self.format

    def row(self) -> dict[str, Any]:
        """As `explain --json` prints it."""
        return {
            "schema": "connwatch.explain/1",
            "line": self.line,
            "end_line": self.end_line,
            "format": self.format or None,
            "kind": self.kind,
            "fields": self.fields,
            "stage": self.stage or None,
            "redacted": self.redacted,
            "others": [{"format": name, "reason": reason} for name, reason in self.others],
        }


class Explainer:
    """Explains the records of one stream of lines. `format_name` None: any format may take a line."""

    def __init__(self, setup: Setup, format_name: str | None) -> None:
        formats = setup.catalogue.formats
        self._asked = formats if format_name is None else {format_name: formats[format_name]}
        # Under a key of its own: what is shown here ties nothing to what is stored elsewhere.
        self._redactor = Redactor(b"explain")
        if format_name is None:
            self._parser: Any = AutoParser("auto", formats, self._redactor)
        else:
            self._parser = make_parser(format_name, formats, self._redactor)
        self._classifier = Classifier(setup.catalogue, setup.classifier_options())
        self._texts: dict[int, str] = {}

    def tell(self, lines: Iterable[str]) -> Iterator[Told]:
        """Each record of `lines`, as soon as it is complete."""
        for number, text in enumerate(map(unwrapped, lines), 1):
            self._texts[number] = text
            yield from self._told_all(self._parser.parse(Line("-", number, text)))
        yield from self._told_all(self._parser.flush())

    def _told_all(self, records: Iterable[Record]) -> Iterator[Told]:
        for record in records:
            told = self._unknown(record) if isinstance(record, Unparsed) else self._known(record)
            text = self._texts.get(told.line, "")
            # Why not another format: for the first line, and wherever none was found.
            if told.line == 1 or told.unknown:
                told.others = [(name, reason) for name, reason in self._refusals(text) if name != told.format]
            for number in [number for number in self._texts if number <= told.end_line]:
                del self._texts[number]
            yield told

    def _refusals(self, text: str) -> Iterator[tuple[str, str]]:
        for one in ask_all(text, self._asked, self._redactor):
            yield one.format, f"takes it too, as {one.reason}, but says less" if one.matched else one.reason

    def _unknown(self, record: Unparsed) -> Told:
        return Told(record.line, record.line, "", "unknown", text=record.text)

    def _known(self, record: Any) -> Told:
        told = Told(record.line, record.end_line, record.format, type(record).__name__.lower())
        for name in type(record).__slots__:
            value = getattr(record, name)
            if name in _PLACES or value in (None, "", {}, []):
                continue
            told.fields[name] = iso(value) if name == "at" else _shown(value)
            told.redacted += _digested(name, value)
        if isinstance(record, Request):
            event = self._classifier.classify(record)
            noise = f", but noise: {event.noise}" if event is not None and event.noise else ""
            told.stage = f"{event.stage.value}{noise}" if event is not None else "none: not about a connector"
        elif isinstance(record, Chatter):
            told.stage = "none: not about a request"
        return told


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return printable(" ".join(f"{name}={entry}" for name, entry in value.items()))
    if isinstance(value, list):
        return printable(" ".join(f"{pair[0]}={pair[1]}" if isinstance(pair, tuple) else str(pair) for pair in value))
    return printable(str(value))


def _digested(name: str, value: object) -> list[str]:
    """Which parts of a field are digests now."""
    if isinstance(value, dict):
        return [f"{name}.{key}" for key, entry in value.items() if _DIGEST.search(str(entry))]
    if isinstance(value, list):
        return [f"{name}.{entry[0]}" for entry in value if isinstance(entry, tuple) and _DIGEST.search(str(entry[1]))]
    return [name] if isinstance(value, str) and _DIGEST.search(value) else []
