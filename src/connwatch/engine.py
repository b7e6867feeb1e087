"""The one composition of the core: bytes in, changes out.

    blocks -> records -> (order of time) -> requests joined across logs -> events -> window -> chains -> attempts

1. The engine knows no clock and does no I/O: `feed` takes bytes, `advance` takes the time. What comes out depends only on
   the lines and on the watermark having passed them, never on how bytes were cut or in how many steps the clock ran.
2. Everything is bounded: open attempts, waiting events, remembered lines. What is dropped is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connwatch.attempts import Ledger
from connwatch.correlate.join import SLACK, Joiner
from connwatch.correlate.order import Reorder, latest
from connwatch.correlate.tables import Tables
from connwatch.model.attempt import Attempt
from connwatch.model.change import Change, Closed, Evicted
from connwatch.model.event import Event, Stage
from connwatch.model.record import Chatter, Detail, Record, Request, Trouble, Unparsed
from connwatch.model.stats import Stats
from connwatch.model.taken import Place, Taken
from connwatch.parse.again import Again
from connwatch.parse.blocks import BlockReader
from connwatch.parse.redact import Redactor
from connwatch.rules.agents import Agents
from connwatch.rules.candidates import Candidates
from connwatch.rules.catalogue import Catalogue
from connwatch.rules.endpoints import Endpoints
from connwatch.rules.glance import Glance
from connwatch.rules.stages import Classifier, Options

__all__ = ["Engine", "EngineOptions", "Stats"]

_NEVER = float("-inf")
_FEW = 4


@dataclass(slots=True)
class EngineOptions:
    """What an operator may set. `servers` gives the host of a source whose lines name none.

    `live`: somebody watches while logs grow. `recording`: what is taken is kept until `taken` is asked for it.
    """

    max_open: int = 10_000
    mcp_paths: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)
    live: bool = False
    recording: bool = False


@dataclass(slots=True)
class _Source:
    name: str
    index: int
    format: str
    reader: BlockReader
    server: str | None
    newest: float | None = None
    oldest: float | None = None  # of the requests that came last
    again: Again = field(default_factory=Again)


class Engine:
    """Feeds sources, keeps time order, and hands out changes. All times are seconds since the epoch."""

    def __init__(self, catalogue: Catalogue, options: EngineOptions | None = None, *, key: bytes = b"") -> None:
        self.options = options or EngineOptions()
        self._catalogue = catalogue
        self._redactor = Redactor(key)
        endpoints = {path: Stage(stage) for path, stage in self.options.endpoints.items()}
        self._endpoints = Endpoints(Agents(catalogue))
        known = Options(frozenset(self.options.mcp_paths), endpoints)
        self.glance, self._classifier = Glance(catalogue, known), Classifier(catalogue, known)
        self._candidates = Candidates(catalogue, [*self.options.mcp_paths, *self.options.endpoints])
        self._sources: dict[str, _Source] = {}
        self._begin()
        self._changes: list[Change] = []  # what the run that is going on has brought so far
        self._events = 0
        self._closed = Stats()
        self._taken: list[Taken] = []

    def _begin(self, evicted: int = 0) -> None:
        options, tables = self.options, Tables.of(self._catalogue.order)
        self._order: Reorder[Request | Detail | Trouble] = Reorder()
        self._joiner = Joiner(self._classify, self._grown)
        self._ledger = Ledger(self._catalogue, tables, max_open=options.max_open, live=options.live, evicted=evicted)
        self._watermark = _NEVER

    # sources

    def open_source(self, name: str, format: str = "auto", at: Place | None = None) -> None:  # noqa: A002 - the word that the configuration has for it
        """Make a source known; `at` is where another engine stood in it. Raises ConfigError where there is no such format."""
        self._sources[name] = _Source(name, len(self._sources), format, self._reader(name, format, at), self.options.servers.get(name))

    def read_as(self, name: str, format: str) -> None:  # noqa: A002 - as above
        """From the next line on a source is read in this format. Raises ConfigError, and changes nothing, where there is no such format."""
        one = self._sources[name]
        self._go_on_with(one, self._reader(name, format, None))
        one.format = format

    def feed(self, source: str, block: bytes, seen_at: float | None = None) -> None:
        """Take any bytes of a source; `seen_at` is when they were read, for lines without a time. What they mean is said by `advance`."""
        one = self._sources[source]
        one.oldest = None
        self._take(one, one.reader.records(block, seen_at), seen_at)

    def end_source(self, source: str) -> None:
        """No more bytes will come from this source, as far as is known: what reading took is let go, because names may come and go for years."""
        one = self._sources[source]
        samples = one.reader.samples
        self._go_on_with(one, self._reader(source, one.format, None))
        one.reader.samples = samples

    def place(self, source: str) -> Place:
        """Where the reading of a source stands."""
        return self._sources[source].reader.place()

    def taken(self) -> list[Taken]:
        """What was taken since the last call, in order; nothing unless `recording`. To be written before `advance`, which completes records."""
        taken, self._taken = self._taken, []
        return taken

    def take_again(self, taken: Taken) -> None:
        """Take what another engine has taken; before anything is fed."""
        self.expect_again(taken)
        self._put(self._sources[taken.source], taken.record, taken.seen_at)

    def expect_again(self, taken: Taken) -> None:
        """What stands behind the place of its source will be read again, and must not be taken once more."""
        one, record = self._sources[taken.source], taken.record
        if record.line > one.reader.lines:
            one.again.expect(record)

    def deaf(self, sources: Iterable[str]) -> None:
        """Say which sources cannot be heard now: silence that only they could break is no evidence until they are back."""
        self._ledger.hearing.deaf(sources)

    def missed(self, source: str, start: float, end: float) -> None:
        """Say that lines of a source between two times are lost: a silence that they could have broken is no evidence."""
        self._ledger.hearing.missed(source, start, end)

    def oldest(self, source: str) -> float | None:
        """The latest instant that the oldest request of the last `feed` of a source can have been; None where it brought none."""
        return self._sources[source].oldest

    def frontier(self, source: str) -> float | None:
        """The newest time read from a source; None while it has shown none."""
        return self._sources[source].newest

    # time

    def advance(self, watermark: float) -> list[Change]:
        """Decide what can be decided when everything up to `watermark` has probably been seen."""
        if watermark <= self._watermark:
            return []
        self._watermark = watermark
        return self._run(watermark)

    def finish(self) -> list[Change]:
        """End of the input: run the clock on until no deadline is open."""
        changes = self._run(float("inf"))
        changes += self._count(self._hand_on(self._joiner.flush()))
        changes += self._count(self._ledger.finish())
        return changes

    def start_over(self) -> list[Change]:
        """The clock was set back. Close what is under way, whose silence proves nothing then, and take whatever time comes next."""
        self.deaf(self._sources)
        changes = self.finish()
        self._begin(self._ledger.evicted)
        for one in self._sources.values():
            one.newest = one.oldest = None
        return changes

    def next_deadline(self) -> float | None:
        """The next instant at which silence alone changes something."""
        return self._ledger.due()

    def is_calm(self, watermark: float) -> bool:
        """Whether `advance(watermark)` is a matter of a moment: little waits, or nothing of it is due by then."""
        order, until = self._order, self._order.reach(watermark)
        return (len(order) <= _FEW or order.first > until) and (self._ledger.fresh() <= _FEW or self._ledger.idle_until() > until)

    # what is known

    def open_attempts(self) -> list[Attempt]:
        """The attempts that are not closed, as they stand."""
        return self._ledger.open_attempts(self._watermark)

    def stats(self) -> Stats:
        """Totals so far; attempts are counted when they close."""
        stats = self._closed
        stats.events = self._events
        stats.evicted = self._ledger.evicted
        stats.lines = stats.unparsed = stats.oversized = 0
        for one in self._sources.values():
            reader = one.reader
            stats.lines += reader.lines
            stats.unparsed += reader.unparsed
            stats.oversized += reader.oversized
            stats.sources[one.name] = {"lines": reader.lines, "unparsed": reader.unparsed, "oversized": reader.oversized}
        return stats

    def samples(self) -> list[Unparsed]:
        """Some of the lines that no format took."""
        return [sample for one in self._sources.values() for sample in one.reader.samples]

    # inside

    def _reader(self, name: str, format: str, at: Place | None) -> BlockReader:  # noqa: A002 - as above
        reader = BlockReader(name, format, self._catalogue.formats, self._redactor, self._candidates, self._endpoints)
        if at is not None:
            reader.resume(at)
        return reader

    def _go_on_with(self, one: _Source, reader: BlockReader) -> None:
        """Take what the reader of a source has open, and put another one in its place."""
        self._take(one, one.reader.finish(), None)
        reader.resume(one.reader.place())
        one.reader = reader

    def _take(self, one: _Source, records: Iterable[Record], seen_at: float | None) -> None:
        recording = self.options.recording
        for record in records:
            if isinstance(record, Unparsed):
                continue
            if isinstance(record, Chatter):
                if record.at is not None and (one.newest is None or record.at > one.newest):
                    one.newest = record.at
                continue
            if isinstance(record, Request):
                if record.host is None and one.server is not None:
                    record.host = one.server
                if record.at is not None:
                    at = latest(record.at, coarse=record.coarse)
                    one.oldest = at if one.oldest is None else min(one.oldest, at)
            if recording:
                if one.again.waiting and one.again.meet(record, one.reader):
                    continue
                self._taken.append(Taken(one.name, record, seen_at))
            self._put(one, record, seen_at)

    def _put(self, one: _Source, record: Request | Detail | Trouble, seen_at: float | None) -> None:
        if record.at is not None and (one.newest is None or record.at > one.newest):
            one.newest = record.at
        at = seen_at if record.at is None else record.at
        if at is None:
            self._joiner.expect(one.index, record)
        else:
            self._order.put(at + _behind(record), one.index, record.line, record, coarse=not isinstance(record, Detail) and record.coarse)

    def _run(self, until: float) -> list[Change]:
        until = self._order.reach(until)
        changes = self._changes = []
        joiner, ledger = self._joiner, self._ledger
        for row in self._order.take(until):
            record = row.item
            events = joiner.release(row.at)
            if events or ledger.soonest < row.at:
                changes += self._hand_on(events, row.at)
            joiner.push(row.at - _behind(record), row.source, record)
        changes += self._hand_on(joiner.release(until))
        if until != float("inf"):
            changes += self._ledger.advance(until)
        return self._count(changes)

    def _hand_on(self, events: list[tuple[float, Event]], now: float = _NEVER) -> list[Change]:
        self._events += len(events)
        return self._ledger.take(events, now)

    def _classify(self, request: Request, at: float) -> Event | None:
        request.at = at
        return self._classifier.classify(request)

    def _grown(self, event: Event) -> None:
        self._changes += self._ledger.touch(event)

    def _count(self, changes: list[Change]) -> list[Change]:
        for change in changes:
            if isinstance(change, Closed | Evicted):
                attempt = change.attempt
                if not attempt.is_piece:
                    self._closed.clients[attempt.client] += 1
                    self._closed.outcomes[attempt.outcome.value] += 1
                    if attempt.diagnoses:
                        self._closed.diagnoses[attempt.diagnoses[0].code] += 1
                for step in attempt.steps:
                    self._closed.links[step.link] += 1
        return changes


def _behind(record: Request | Detail | Trouble) -> float:
    """Seconds by which a record is looked at later than it says: a proxy's request, so that its application's line is there."""
    return SLACK if isinstance(record, Request) and record.role == "proxy" else 0.0
