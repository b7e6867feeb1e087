"""Reads a source in blocks of bytes: the hot path. Knows lines and candidates, not formats (those are behind `Parser`).

Of a million access lines a few thousand matter. The rest never become Python objects: lines of the right shape are counted in C,
candidates (lines in which the rules' expression, or a path learnt since, occurs) are found in C and parsed one by one, and
only where lines and shapes do not add up does the reader look at single lines.

1. Whole input = line by line = byte by byte, in records, counts and samples: what becomes of a line depends on it and on those before it.
2. No input raises; at most one partial line (64 KiB), 64 learnt paths and 20 samples are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Record, Request, Unparsed
from connwatch.model.taken import Place
from connwatch.parse.docker_json import Unwrapper
from connwatch.parse.parser import Parser, Skim
from connwatch.parse.recognise import AutoParser
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import SKIMMED, Formats, make_parser

__all__ = ["LONGEST_LINE", "BlockReader"]

LONGEST_LINE = 65536
_NEWLINE = 10
_MOST_LEARNT = 64
_MOST_SAMPLES = 20
#: Where a path may begin when no space stands before it (`"uri":"/mcp"`, `path=/mcp`), for formats without a request line.
_PATH_START = re.compile(rb"""(?<=[\t"'=|,;:])/""")
_NOTHING = re.compile(rb"(?!)")


class BlockReader:
    """Blocks of one source in, records out.

    `format` is a name from `formats` or "auto". `candidates` gives what the rules want of access logs as an expression over bytes, for what
    stands before the request in a format (b"": for any). `learn` is told every request and may name a path to watch from the next line on.
    Counters: `lines` (complete lines read), `unparsed` (taken by no format), `oversized` (longer than 64 KiB, passed over);
    `samples` holds the first twenty unparsed lines.
    """

    def __init__(
        self,
        source: str,
        format: str,  # noqa: A002 - the word that the configuration has for it
        formats: Formats,
        redactor: Redactor,
        candidates: Callable[[bytes], re.Pattern[bytes]],
        learn: Callable[[Request], str | None],
    ) -> None:
        self.source = source
        self.lines = 0
        self.unparsed = 0
        self.oversized = 0
        self.samples: list[Unparsed] = []
        self._auto = AutoParser(format, formats, redactor) if format == "auto" else None
        self._parser: Parser = self._auto or make_parser(format, formats, redactor)
        self._access = frozenset(name for name, table in formats.items() if table.get("kind", "log_format") in SKIMMED)
        self._candidates = candidates
        self._learn = learn
        self._learnt: set[str] = set()
        self._learnt_patterns: dict[bytes, re.Pattern[bytes]] = {}  # by what stands before a request
        self._usual = 0  # which of the shapes the last block had: the next one will be alike
        self._unwrapper = Unwrapper()
        self._rest = b""
        self._skipping = False
        self._seen_at: float | None = None

    def place(self) -> Place:
        """Where reading stands, for `resume` of another reader of the same source."""
        return Place(self.lines, self.unparsed, self.oversized, self.format, tuple(sorted(self._learnt)))

    def resume(self, place: Place) -> None:
        """Go on where another reader stood. What that one had open is lost to this one, so stand a few lines before it."""
        self.lines, self.unparsed, self.oversized = place.lines, place.unparsed, place.oversized
        self._learnt = set(place.learnt)
        self._learnt_patterns.clear()
        if self._auto is not None:
            self._auto.resume(place.format)

    @property
    def format(self) -> str:
        """The format that the source is read in; "auto" as long as none was recognised."""
        return (self._auto.leader or "auto") if self._auto else self._parser.format

    def records(self, block: bytes, seen_at: float | None = None) -> Iterator[Record]:
        """The records that `block` completes. `seen_at` (seconds since the epoch) is the time of lines that carry none.

        Must be exhausted before the next call.
        """
        self._seen_at = seen_at
        if self._unwrapper.plain:
            yield from self._read(block)
            return
        for passed, lines in self._unwrapper.feed(block):
            self.lines += passed
            yield from self._read(lines)

    def _read(self, block: bytes) -> Iterator[Record]:
        """The records of bytes that nothing is wrapped around."""
        data = self._rest + block if self._rest else block
        self._rest = b""
        at, end = 0, len(data)
        while at < end:
            if self._skipping:
                newline = data.find(b"\n", at)
                if newline < 0:
                    return
                self._skipping = False
                self.lines += 1
                at = newline + 1
                continue
            # Windows cut behind the last newline that is within reach: only a line that is too long has none.
            stop = data.rfind(b"\n", at, at + LONGEST_LINE + 1) + 1
            if stop > 0:
                yield from self._window(data, at, stop)
                at = stop
            elif end - at > LONGEST_LINE:
                self.oversized += 1
                self._skipping = True
            else:
                self._rest = data[at:]
                return

    def finish(self) -> Iterator[Record]:
        """What a missing last newline held back, and what the parser has open. The reader can go on afterwards (the next line is a new one)."""
        for passed, lines in self._unwrapper.finish():
            self.lines += passed
            yield from self._read(lines)
        rest, self._rest = self._rest, b""
        if self._skipping:
            self._skipping = False
            self.lines += 1
        elif rest:
            yield from self._window(rest, 0, len(rest))
        yield from self.flush()

    def flush(self) -> Iterator[Record]:
        """What the parser has open; the partial line stays. For a live source that paused."""
        return filter(self._wanted, self._parser.flush())

    def watch(self, path: str) -> bool:
        """From the next line on, requests for `path` are candidates too. Gives whether that is new.

        Paths that hold a digest cannot be watched; of others 64 at most are.
        """
        if not path.startswith("/") or "#" in path or path in self._learnt or len(self._learnt) >= _MOST_LEARNT:
            return False
        self._learnt.add(path)
        self._learnt_patterns.clear()
        return True

    def _watched(self, before: bytes) -> re.Pattern[bytes]:
        """The expression for the paths learnt so far, as `candidates` has it for what the rules want."""
        known = self._learnt_patterns.get(before)
        if known is None:
            known = self._learnt_patterns[before] = _any_of(self._learnt, before) if self._learnt else _NOTHING
        return known

    def _window(self, data: bytes, at: int, end: int) -> Iterator[Record]:
        """The records of `data[at:end]`, which are complete lines."""
        while at < end:
            skim: Skim | None = getattr(self._parser, "skim", None)
            if skim is None:
                stop = data.find(b"\n", at, end) + 1 or end
                yield from self._line(data[at:stop])
                at = stop
            else:
                at = yield from self._skimmed(data, at, end, skim)

    def _skimmed(self, data: bytes, at: int, end: int, skim: Skim) -> Generator[Record, None, int]:
        """The records of lines of which most have this shape, up to the end or a change of shape; gives where it stopped."""
        pattern, auto, read, learn = self._candidates(skim.before), self._auto, skim.request, self._learn
        candidate = learnt = -1  # where the next one of each is, once looked for
        while at < end:
            if candidate < at:
                candidate = _following(pattern, data, at, end)
            hit = candidate
            if self._learnt:
                if learnt < at:
                    learnt = _following(self._watched(skim.before), data, at, end)
                hit = min(hit, learnt)
            stop = data.rfind(b"\n", at, hit) + 1 if hit < end else end
            if at < stop:
                at = yield from self._ordinary(data, at, stop, skim)
                if at < stop:
                    return at
            if hit < end:
                stop = data.find(b"\n", hit, end) + 1 or end
                request = read(_text(data[at:stop]), self.source, self.lines + 1, self._seen_at)
                if request is None:
                    yield from self._line(data[at:stop], sure=True)
                    learnt = -1
                    if auto is not None and auto.skim is not skim:
                        return stop
                else:
                    self.lines += 1
                    if auto is not None:
                        auto.passed_over(1)
                    yield request
                    path = learn(request)
                    if path is not None and self.watch(path):
                        learnt = -1
                at = stop
        return at

    def _ordinary(self, data: bytes, at: int, end: int, skim: Skim) -> Generator[Record, None, int]:
        """Lines without a candidate: counted where all have the shape, else looked at one by one."""
        shapes = skim.shapes
        count = data.count(b"\n", at, end) + (data[end - 1] != _NEWLINE)
        for shape in shapes[self._usual :]:
            if len(shape.findall(data, at, end)) == count:
                self._usual = shapes.index(shape)
                self.lines += count
                if self._auto is not None:
                    self._auto.passed_over(count)
                return end
        while at < end:
            stop = data.find(b"\n", at, end) + 1 or end
            if shapes[-1].match(data, at, stop) is not None:
                self.lines += 1
                if self._auto is not None:
                    self._auto.passed_over(1)
            else:
                yield from self._line(data[at:stop])
                if self._auto is not None and self._auto.skim is not skim:
                    return stop
            at = stop
        return at

    def _line(self, raw: bytes, *, sure: bool = False) -> Iterator[Record]:
        """The records of a line that may hold a candidate (`sure`: that does), as far as they are wanted."""
        for record in self._parsed(raw):
            if isinstance(record, Request):
                if sure or record.format not in self._access or self._is_candidate(raw):
                    yield record
                    path = self._learn(record)
                    if path is not None:
                        self.watch(path)
            elif self._wanted(record):
                yield record

    def _parsed(self, raw: bytes) -> Sequence[Record]:
        """What the parser makes of the next line."""
        self.lines += 1
        return self._parser.parse(Line(self.source, self.lines, _text(raw), self._seen_at))

    def _wanted(self, record: Record) -> bool:
        """Of what is no request: unparsed lines are counted, the talk of a proxy matters only where it marks a start or an end."""
        if isinstance(record, Unparsed):
            self.unparsed += 1
            if len(self.samples) < _MOST_SAMPLES:
                self.samples.append(record)
            return False
        return not isinstance(record, Chatter) or bool(record.facts) or record.format not in self._access

    def _is_candidate(self, raw: bytes) -> bool:
        """Whether a line is one that the search in blocks would have stopped at; without a request line a path is looked for as well."""
        for line in (raw,) if b" HTTP/" in raw else (raw, _PATH_START.sub(b" /", raw)):
            if self._candidates(b"").search(line) is not None or self._watched(b"").search(line) is not None:
                return True
        return False


def _text(raw: bytes) -> str:
    """A line as text, without its newline."""
    return raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


def _any_of(paths: Iterable[str], before: bytes) -> re.Pattern[bytes]:
    """Requests for any of these paths; grouped by first letter, so that few of many branches are tried."""
    groups: dict[bytes, list[bytes]] = {}
    for path in sorted(paths):
        ending = path[1:].encode("utf-8", "replace")
        groups.setdefault(ending[:1], []).append(ending[1:])
    branches = b"|".join(re.escape(first) + b"(?:" + b"|".join(map(re.escape, rest)) + b")" for first, rest in groups.items())
    method = re.escape(before) + rb'[^ "]*+' if before else b""
    return re.compile(method + rb" /(?:" + branches + rb')(?=[ ?"])')


def _following(pattern: re.Pattern[bytes], data: bytes, at: int, end: int) -> int:
    """A position in the first line of `data[at:end]` in which the pattern occurs, `end` if there is none."""
    while at < end:
        found = pattern.search(data, at, end)
        if found is None:
            return end
        hit = found.start()
        stop = data.find(b"\n", hit, end)
        if stop < 0 or found.end() <= stop:
            return hit
        # It runs into the next line: what counts is whether its own line holds one.
        if pattern.search(data[data.rfind(b"\n", 0, hit) + 1 : stop]) is not None:
            return hit
        at = stop + 1
    return end
