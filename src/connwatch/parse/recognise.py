"""Which format is this? Recognition line by line, for sources whose format is "auto" and for `connwatch explain`. Knows no format itself.

A line is tried on every format, and the most telling one that takes it scores. While a source is new each line is tried on all;
then the leader keeps the source, and others are asked only for lines that it refuses, so that two formats in one stream both
come out. All of this depends on the sequence of lines alone, never on how the input was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Detail, Record, Request, Trouble, Unparsed
from connwatch.parse.parser import Parser, Skim
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import Formats, make_parser, rank_of

__all__ = ["AutoParser", "Explanation", "explain", "recognise"]

_NEW = 48  # lines that are tried on every format
_PATIENCE = 64  # lines that the leader refused and one other took, less those that the leader took, before that one leads
_MOST_VAIN = 256  # lines in a row that no format took, before only every 32nd is tried on all
_NOW_AND_THEN = 32
_ASIDE = 0.3


@dataclass(slots=True)
class Explanation:
    """What one format makes of a line. `fields` are the record's, ready to show; empty where it did not match."""

    format: str
    matched: bool
    reason: str
    fields: dict[str, object] = field(default_factory=dict)


def explain(text: str, formats: Formats, redactor: Redactor) -> list[Explanation]:
    """What each format makes of the line `text`, the best match first, then those that did not match, by name."""
    told: list[tuple[float, Explanation]] = []
    for name in formats:
        line = Line("-", 1, text)
        records = _tried(make_parser(name, formats, redactor), line)
        score = _score(records) * rank_of(formats[name])
        if score > 0:
            best = max(records, key=lambda record: _score((record,)))
            told.append((score, Explanation(name, True, type(best).__name__.lower(), _fields(best))))
        else:
            refused = next((record.reason for record in records if isinstance(record, Unparsed)), "no record came of it")
            told.append((0.0, Explanation(name, False, refused)))
    return [explanation for _, explanation in sorted(told, key=lambda entry: (-entry[0], entry[1].format))]


def recognise(lines: Sequence[str], formats: Formats, redactor: Redactor) -> str | None:
    """The format that takes most of these lines, None if none takes any."""
    auto = AutoParser("auto", formats, redactor)
    for number, text in enumerate(lines, 1):
        auto.parse(Line("-", number, text))
    return auto.leader


class AutoParser:
    """A parser that finds out, as it goes, which formats its source is written in."""

    def __init__(self, name: str, formats: Formats, redactor: Redactor) -> None:
        self._name = name
        self._formats = formats
        self._redactor = redactor
        self._ranked = sorted((name for name in formats if formats[name].get("auto", True)), key=lambda name: (-rank_of(formats[name]), name))
        self._trials: dict[str, Parser] = {}
        self._live: list[Parser] = []
        self._scores: dict[str, float] = {}
        self._lines = 0
        self._rival = ""
        self._refused = 0
        self._vain = 0

    @property
    def format(self) -> str:
        """The word "auto", or whatever it was asked for as; records carry the format that was recognised."""
        return self._name

    @property
    def leader(self) -> str | None:
        """The format that the source is taken to be in, None as long as no line was recognised."""
        return self._live[0].format if self._live else None

    @property
    def skim(self) -> Skim | None:
        """Once the source is known, the leader's."""
        return getattr(self._live[0], "skim", None) if self._live and self._lines >= _NEW else None

    def resume(self, leader: str) -> None:
        """Take the source to be in this format, as if it had been recognised; any other word ("auto") changes nothing."""
        if leader in self._formats:
            self._join(leader)
            self._scores[leader] = float(_NEW)
            self._lines = _NEW

    def passed_over(self, count: int) -> None:
        """The reader of blocks met so many lines of the leader's shape: no rival is taking over."""
        self._refused = max(0, self._refused - count)

    def parse(self, line: Line) -> Sequence[Record]:
        """As the leader reads it; else as another format does; else one `Unparsed` with the leader's reason."""
        if not self._live and not line.text.strip():
            return (Chatter(line.source, line.number, line.number, line.seen_at, self._name),)
        if self._lines < _NEW:
            return self._parse_new(line)
        records: list[Record] = []
        first: Unparsed | None = None
        for parser in self._live:
            read, refusal = _parted(parser.parse(line))
            records += read
            if refusal is None:
                self._note(parser)
                return records
            first = first or refusal
        best = self._best(line)
        if best is None:
            records.append(first or self._unknown(line))
            return records
        parser = self._join(best)
        self._note(parser)
        return [*records, *parser.parse(line)]

    def flush(self) -> Sequence[Record]:
        """What is open in any of the formats met."""
        return [record for parser in self._live for record in parser.flush()]

    def _parse_new(self, line: Line) -> Sequence[Record]:
        records: list[Record] = []
        best = self._best(line)
        if best is None:
            # Nobody knows it by itself: it may be inside a record that the leader has open.
            for parser in self._live:
                read, refusal = _parted(parser.parse(line))
                records += read
                if refusal is None:
                    self._lines += 1
                    return records
            return [*records, self._unknown(line)]
        self._lines += 1
        former = self.leader
        self._join(best)
        self._live.sort(key=lambda parser: (-self._scores[parser.format], self._ranked.index(parser.format)))
        if former is not None and former != self.leader:
            records += next(parser for parser in self._live if parser.format == former).flush()
        for parser in self._live:
            read, refusal = _parted(parser.parse(line))
            records += read
            if refusal is None:
                return records
        return [*records, self._unknown(line)]

    def _best(self, line: Line) -> str | None:
        """The most telling format for this line alone; every format that takes it gains by what the line tells."""
        if self._vain > _MOST_VAIN:
            # Trying thirty formats costs as much as parsing hundreds of lines: junk gets a look now and then.
            self._vain += 1
            if self._vain % _NOW_AND_THEN:
                return None
        best, highest = None, 0.0
        for name in self._ranked:
            trial = self._trials.get(name)
            if trial is None:
                trial = self._trials[name] = make_parser(name, self._formats, self._redactor)
            score = self._telling(name, _tried(trial, line))
            self._scores[name] = self._scores.get(name, 0.0) + score
            if score > highest:
                best, highest = name, score
        self._vain = 0 if best is not None else self._vain + (self._vain <= _MOST_VAIN)
        return best

    def _telling(self, name: str, records: Sequence[Record]) -> float:
        """How sure a line makes us of a format. Every access format takes error lines and talk beside its own: they tell little of it."""
        table = self._formats[name]
        aside = table.get("kind", "log_format") == "log_format" and not any(isinstance(record, Request) for record in records)
        return _score(records) * rank_of(table) * (_ASIDE if aside else 1.0)

    def _join(self, name: str) -> Parser:
        for parser in self._live:
            if parser.format == name:
                return parser
        parser = make_parser(name, self._formats, self._redactor)
        self._live.append(parser)
        return parser

    def _note(self, parser: Parser) -> None:
        """Who took a line: a rival that takes many in a row becomes the leader."""
        if parser is self._live[0]:
            self.passed_over(1)
            return
        self._refused = self._refused + 1 if parser.format == self._rival else 1
        self._rival = parser.format
        if self._refused >= _PATIENCE:
            self._live.remove(parser)
            self._live.insert(0, parser)
            self._refused = 0

    def _unknown(self, line: Line) -> Unparsed:
        return Unparsed(line.source, line.number, self._redactor.sample(line.text), "no format takes this line")


def _tried(parser: Parser, line: Line) -> list[Record]:
    """What a parser makes of a line alone: nothing is left open in it."""
    return [*parser.parse(line), *parser.flush()]


def _parted(records: Sequence[Record]) -> tuple[list[Record], Unparsed | None]:
    """The records that were read, and the refusal of the line itself, if it was refused."""
    read: list[Record] = [record for record in records if not isinstance(record, Unparsed)]
    refusal = records[-1] if records and isinstance(records[-1], Unparsed) else None
    return read, refusal


def _score(records: Sequence[Record]) -> float:
    """How much of a find this is: a request says more of its format than a line which is about nothing."""
    score = 0.0
    for record in records:
        if isinstance(record, Unparsed):
            return 0.0
        score = max(score, 1.0 if isinstance(record, Request) else 0.8 if isinstance(record, Trouble | Detail) else 0.1)
    return score


def _fields(record: Record) -> dict[str, object]:
    hidden = {"source", "line", "end_line", "format"}
    names = [name for name in type(record).__slots__ if name not in hidden]
    shown = {name: getattr(record, name) for name in names}
    return {name: value for name, value in shown.items() if value not in (None, {}, [], "")} if not isinstance(record, Chatter) else shown
