"""Joins what two logs say of one HTTP request: the application's line of its start, the proxy's line of its end.

The pair is (method, path with query), nearest in time, the application first (with a little slack); a 401 is paired only with a
request that came without a token; the late line of a stream is told by the session that was just closed. An application's log
without time stamps is paired by order alone; where it is watched while it grows, its lines have the time of their reading, and may be
overtaken by the proxy's. What has no partner becomes an event of its own: a health check made inside, an aborted request, a request
that the proxy answered itself. Records come in the order of time; time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from connwatch.correlate.exchange import Exchange, Overtaken, Target, target_of
from connwatch.model.event import Event, Evidence
from connwatch.model.record import Detail, Request, Trouble

__all__ = ["SLACK", "Joiner"]

SLACK = 0.02  # seconds by which the two engines' stamps of one request may disagree
HOLD = 1.0  # seconds that an application's request waits for the proxy's line before it goes on alone
_SHORT = 0.3  # seconds: requests this young end in the order in which they began, older ones are waiting for something
_EARLY = 1.0  # seconds that an application's line may be before the beginning that a proxy's line with a duration tells
_LATE = 3600.0  # seconds that an application's request may still be open behind the proxy
_KEPT = 5_000  # exchanges of applications remembered for late lines
_AHEAD = 64  # requests without a time that are looked through for a partner
_TROUBLE_NEAR = 2.0  # seconds between an error line and the access line that it explains
_GIVEN_UP = 499  # the client left; statuses from here on are the proxy's own, or an application's that broke
_CLOSED_NEAR = 0.5  # seconds between the end of a session and the line of its stream

# What an application answers right after it logged such a trouble without naming the request.
_ANSWERS = {
    "origin-rejected": (403,),
    "host-rejected": (421,),
    "session-unknown": (400, 404),
    "token-audience": (401,),
    "token-rejected": (401, 403),
    "other": (500,),
}

@dataclass(slots=True)
class Joiner:
    """Pairs requests and classifies them. `changed` hears of events that grew after they were handed on."""

    classify: Callable[[Request, float], Event | None]
    changed: Callable[[Event], None]
    _waiting: deque[Exchange] = field(default_factory=deque)
    _open: OrderedDict[Target, deque[Exchange]] = field(default_factory=OrderedDict)
    _by_line: OrderedDict[tuple[int, int], Exchange] = field(default_factory=OrderedDict)
    _latest: dict[int, Exchange] = field(default_factory=dict)
    _timeless: dict[int, deque[Exchange]] = field(default_factory=dict)
    _troubles: deque[tuple[float, Trouble]] = field(default_factory=lambda: deque(maxlen=256))
    _failed: deque[tuple[float, Exchange]] = field(default_factory=lambda: deque(maxlen=256))  # answered by the proxy, nobody has said why
    _closed: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=256))
    _overtaken: Overtaken = field(default_factory=Overtaken)
    _two_logs: bool = False
    _now: float = float("-inf")

    def push(self, at: float, source: int, record: Request | Detail | Trouble) -> None:
        """Take the next record. A proxy's request comes `SLACK` later than it says, so that its application's line is there."""
        if isinstance(record, Request):
            if record.role == "app":
                self._two_logs = True
                exchange = self._overtaken.partner(at, record) if record.at is None else None
                if exchange is None:
                    self._waiting.append(self._begin(at, source, record))
                else:
                    self._add(exchange, source, record)
            else:
                self._end(at, source, record)
        elif isinstance(record, Detail):
            self._detail(at, source, record)
        else:
            self._trouble(at, record)

    def expect(self, source: int, record: Request | Detail | Trouble) -> None:
        """Take a record of an application's log without time stamps: it waits for a proxy's line of the same request."""
        self._two_logs = True
        queue = self._timeless.setdefault(source, deque())
        if isinstance(record, Request):
            queue.append(self._begin(0.0, source, record, timeless=True))
        elif isinstance(record, Detail):
            self._detail(0.0, source, record)
        elif (latest := self._latest.get(source)) is not None:
            self._attach(latest, record)

    def release(self, until: float) -> list[tuple[float, Event]]:
        """The events whose partner has come by `until`, or need not be waited for any longer, each with the time at which that was so.

        The times never go back, and follow from the records alone: it does not matter how often one asks.
        """
        out: list[tuple[float, Event]] = []
        waiting = self._waiting
        while waiting and waiting[0].due <= until:
            exchange = waiting.popleft()
            if exchange.due > self._now:
                self._now = exchange.due
            event = self._classified(exchange)
            if event is not None:
                exchange.event = event
                out.append((self._now, event))
        return out

    def flush(self) -> list[tuple[float, Event]]:
        """No more lines will come: everything that still waits, in order."""
        for source, queue in self._timeless.items():
            last = self._waiting[-1].at if self._waiting else max(self._now, 0.0)
            for exchange in queue:
                exchange.at = exchange.due = exchange.at or last
                self._waiting.append(exchange)
            self._timeless[source] = deque()
        return self.release(float("inf"))

    # requests

    def _begin(self, at: float, source: int, request: Request, *, timeless: bool = False) -> Exchange:
        exchange = Exchange(at, source, request, request.line, [Evidence(request.source, request.line, request.end_line)], [], {}, at + HOLD)
        self._remember(source, request.line, exchange)
        self._latest[source] = exchange
        if not timeless:
            self._open.setdefault(target_of(request), deque(maxlen=256)).append(exchange)
            if len(self._open) > _KEPT:
                self._open.popitem(last=False)
            if request.method == "DELETE":
                self._note_closed(at, request.keys)
        return exchange

    def _end(self, at: float, source: int, request: Request) -> None:
        partner = self._partner(at, request) if self._two_logs else None
        if partner is None:
            exchange = Exchange(at, source, request, request.line, [Evidence(request.source, request.line, request.end_line)], [], {}, at + SLACK)
            self._waiting.append(exchange)
            if self._two_logs:
                self._overtaken.went_alone(at, exchange)
        else:
            exchange = partner
            app = partner.request
            exchange.keys = [*app.keys, *exchange.keys]
            exchange.facts = {**app.facts, **exchange.facts}
            exchange.evidence.insert(0, Evidence(request.source, request.line, request.end_line))
            if request.authorization is None:
                request.authorization = app.authorization
            started = exchange.at
            exchange.request, exchange.due = request, at + SLACK
            if exchange.event is not None:
                self._grow(exchange, at, started)
            elif request.duration is None and at - started > 0.0:
                request.duration = at - started
            exchange.at = at if exchange.event is None else exchange.at
        self._explain(at, exchange)

    def _add(self, exchange: Exchange, source: int, app: Request) -> None:
        """The application's line of a request whose proxy's line was read first."""
        self._remember(source, app.line, exchange)
        self._latest[source] = exchange
        if exchange.request.authorization is None:
            exchange.request.authorization = app.authorization
        self._enrich(exchange, app.keys, app.facts, Evidence(app.source, app.line, app.end_line))

    def _partner(self, at: float, request: Request) -> Exchange | None:
        target = target_of(request)
        told = None if request.status == _GIVEN_UP else (None, request.status)  # what the application can have said of it
        if rows := self._open.get(target):
            while rows and at - rows[0].at > _LATE:
                rows.popleft()
            began = at - (_LATE if request.duration is None else request.duration + _EARLY)
            fits = [row for row in rows if began <= row.at <= at + SLACK and (told is None or row.request.status in told)]
            if request.status == 401:
                fits = [row for row in fits if not row.request.authorization] or fits
            if fits:
                partner = self._nearest(at, request, fits)
                rows.remove(partner)
                if not rows:
                    del self._open[target]
                return partner
        for queue in self._timeless.values():
            for index, row in enumerate(islice(queue, _AHEAD)):
                app = row.request
                if target_of(app) == target and (told is None or app.status in told) and not (request.status == 401 and app.authorization):
                    del queue[index]
                    row.at = at
                    self._retire(queue, index, at)
                    self._waiting.append(row)
                    return row
        return None

    def _nearest(self, at: float, request: Request, fits: list[Exchange]) -> Exchange:
        if request.duration is not None:
            return min(fits, key=lambda row: abs(row.at - (at - (request.duration or 0.0))))
        if request.method == "GET" and len(fits) > 1:
            just_closed = {session for when, session in self._closed if at - when <= _CLOSED_NEAR}
            for row in fits:
                if any(kind == "session" and value in just_closed for kind, value in (*row.request.keys, *row.keys)):
                    return row
        recent = [row for row in fits if at - row.at <= _SHORT]
        return recent[0] if recent else fits[-1]

    def _retire(self, queue: deque[Exchange], index: int, at: float) -> None:
        """Requests far before one that was just paired will not be paired any more: they go on alone, at this time."""
        while index > _AHEAD // 2 and queue:
            row = queue.popleft()
            row.at = row.due = at
            self._waiting.append(row)
            index -= 1

    # what is said of requests

    def _detail(self, at: float, source: int, detail: Detail) -> None:
        exchange = self._by_line.get((source, detail.of)) if detail.of is not None else None
        if exchange is None:
            return
        if exchange.request.method == "DELETE":
            self._note_closed(at, detail.keys)
        self._enrich(exchange, detail.keys, detail.facts, Evidence(detail.source, detail.line, detail.end_line))

    def _enrich(self, exchange: Exchange, keys: list[tuple[str, str]], facts: dict[str, str], evidence: Evidence) -> None:
        """One more line says something of a request."""
        exchange.keys.extend(key for key in keys if key not in exchange.keys)
        exchange.facts.update(facts)
        exchange.evidence.append(evidence)
        if exchange.event is not None:
            event = exchange.event
            event.keys.extend(key for key in keys if key not in event.keys)
            event.facts.update(facts)
            self.changed(event)

    def _trouble(self, at: float, trouble: Trouble) -> None:
        while self._troubles and at - self._troubles[0][0] > _TROUBLE_NEAR:
            self._troubles.popleft()
        for row in self._failed:
            when, exchange = row
            if abs(at - when) <= _TROUBLE_NEAR and _explains(trouble, exchange.request):
                self._failed.remove(row)
                self._attach(exchange, trouble)
                return
        self._troubles.append((at, trouble))

    def _explain(self, at: float, exchange: Exchange) -> None:
        request = exchange.request
        for row in self._troubles:
            when, trouble = row
            if abs(at - when) <= _TROUBLE_NEAR and _explains(trouble, request):
                self._troubles.remove(row)
                self._attach(exchange, trouble)
                return
        if request.status is not None and request.status >= _GIVEN_UP:
            self._failed.append((at, exchange))

    def _attach(self, exchange: Exchange, trouble: Trouble) -> None:
        exchange.facts["cause"] = trouble.cause
        exchange.evidence.append(Evidence(trouble.source, trouble.line, trouble.end_line))
        if exchange.event is not None:
            exchange.event.facts["cause"] = trouble.cause
            self.changed(exchange.event)

    def _grow(self, exchange: Exchange, at: float, started: float) -> None:
        """The proxy's line of a request that was handed on long ago: the event learns how it ended."""
        event = exchange.event
        fresh = self.classify(exchange.request, at)
        if event is None or fresh is None:
            return
        keys, facts = event.keys, event.facts
        for name in ("stage", "status", "host", "address", "agent", "actor", "client", "hint", "noise", "size", "duration", "upstream", "resource"):
            setattr(event, name, getattr(fresh, name))
        event.at, event.started_at = at, started
        event.keys = [*fresh.keys, *(key for key in keys if key not in fresh.keys)]
        event.facts = {**facts, **fresh.facts}
        self.changed(event)

    # helpers

    def _classified(self, exchange: Exchange) -> Event | None:
        event = self.classify(exchange.request, exchange.at)
        if event is None:
            return None
        if exchange.keys:
            event.keys.extend(key for key in exchange.keys if key not in event.keys)
        if exchange.facts:
            event.facts.update(exchange.facts)
        event.evidence = exchange.evidence
        event.serial = (exchange.source, exchange.line)
        return event

    def _note_closed(self, at: float, keys: list[tuple[str, str]]) -> None:
        self._closed.extend((at, value) for kind, value in keys if kind == "session")

    def _remember(self, source: int, line: int, exchange: Exchange) -> None:
        self._by_line[source, line] = exchange
        if len(self._by_line) > _KEPT:
            self._by_line.popitem(last=False)


def _explains(trouble: Trouble, request: Request) -> bool:
    """Whether an error line is about this request: it names it, or its cause is what such an answer means and it names nothing."""
    if trouble.method is not None:
        return trouble.method == request.method and trouble.path == request.path
    return request.status in _ANSWERS.get(trouble.cause, ())
