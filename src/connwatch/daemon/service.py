"""The daemon as a whole: the recorder, its sinks, the HTTP server, signals and the service manager. Builds; decides nothing about attempts.

A hangup (SIGHUP) asks for the configuration anew: a good one takes the place of the old one between two turns, and open attempts survive,
because the journal has them; a bad one changes nothing and is told.

Stopping (SIGTERM, SIGINT): reading ends, what was read is taken, open event streams end, the server closes. Within five seconds. A
second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connwatch.daemon.newsroom import Newsroom, Orders
from connwatch.daemon.recorder import HEARTBEAT, Recorder
from connwatch.daemon.restart import Rebuilt
from connwatch.daemon.roster import source_figures, source_rows
from connwatch.daemon.systemd import ServiceManager
from connwatch.model.errors import ConnwatchError, SourceError
from connwatch.sinks.board import Board
from connwatch.sinks.bus import Bus
from connwatch.sinks.figures import Figures, Keeping, Reload, SourceFigures
from connwatch.sinks.labels import Labels
from connwatch.sinks.metrics import Metrics
from connwatch.sinks.requests import Requests
from connwatch.sinks.sink import Sink
from connwatch.sinks.telling import TellingFigures, Tellings
from connwatch.sources.source import Source
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import DamageError
from connwatch.web.app import View, create_app
from connwatch.web.server import server

if TYPE_CHECKING:
    from connwatch.engine import Engine

__all__ = ["Renewed", "Service"]

log = logging.getLogger("connwatch")

REMEMBERED = 256  # changes from before a restart that readers can still be told


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a configuration that was read again asks for; the engine and the sources are new. `unused` are keys whose new values need a restart."""

    engine: Engine
    sources: Sequence[Source]
    lateness: float
    orders: Orders
    unused: Sequence[str] = ()


@dataclass(slots=True)
class Service:
    """Everything of one running daemon. `sinks` are told of changes besides the ones that the daemon itself has.

    `renew` reads the configuration again; it raises ConnwatchError where something is wrong with it. `orders` is what it says of telling people;
    None: nobody is told of anything, and nothing of it is kept.
    `now` and `pace`: see Recorder. `hosts` and `causes`: see Labels.
    """

    engine: Engine
    sources: Sequence[Source]
    journal: Journal
    lateness: float = 2.0
    now: Callable[[], float] = time.time
    pace: float = 1.0
    token: str | None = None
    hosts: Iterable[str] = ()
    causes: Iterable[tuple[str, str]] = ()
    sinks: Sequence[Sink] = ()
    renew: Callable[[], Renewed] | None = None
    orders: Orders | None = None
    manager: ServiceManager = field(default_factory=ServiceManager)
    board: Board = field(init=False)
    bus: Bus = field(init=False)
    metrics: Metrics = field(init=False)
    recorder: Recorder = field(init=False)
    reload: Reload = field(init=False)
    newsroom: Newsroom | None = field(init=False)
    stopped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.board, self.bus = Board(), Bus(life=self.journal.life, end=self.journal.first)
        self.bus.remember(Library(self.journal.address).past(REMEMBERED))  # before any reader comes
        channels = 0 if self.orders is None else len(self.orders.targets.targets)
        self.metrics = Metrics(Labels(self.hosts, self.causes, sources=len(self.sources), channels=channels))
        requests = Requests(self.metrics.labels)
        watchdog = self.manager.watchdog_seconds
        self.newsroom = None if self.orders is None else Newsroom(self.journal, self.orders, self.now, self.alive)
        self.recorder = Recorder(
            self.engine,
            self.sources,
            (self.metrics, self.board, self.bus, *self.sinks),
            journal=self.journal,
            on_rebuilt=self._take_up,
            on_taken=requests.take,
            on_heard=self.bus.hear,
            lateness=self.lateness,
            now=self.now,
            pace=self.pace,
            heartbeat=HEARTBEAT if watchdog is None else min(HEARTBEAT, watchdog / 3),
            on_turn=self.manager.feed,
            teller=None if self.newsroom is None else self.newsroom.teller,
        )
        self.reload = Reload(True, self.now())
        Figures(
            self.metrics,
            open_attempts=self.board.open,
            sources=self.figures,
            changes_lost=lambda: self.bus.lost,
            reload=lambda: self.reload,
            keeping=lambda: Keeping(self.journal.healthy, self.journal.lost),
            requests=requests.counts,
        )
        self.metrics.add(Tellings(self._telling))

    async def run(self, listening: socket.socket | None, *, ready: Callable[[], None] = lambda: None) -> None:
        """Work until stopped (or until the end). `listening` is the bound socket of the HTTP server, None for no server.

        Raises DamageError where it would help to begin anew with another state, SourceError where this one cannot be read for other reasons.
        """
        try:
            with self._signals():
                async with self._http(listening), self._sending():
                    self.manager.ready(self._status())
                    ready()
                    await self.recorder.run()
        except* ConnwatchError as group:
            error = _first(group)
            if isinstance(error, DamageError) and (self.recorder.begun or self.stopped):  # too late to begin anew: the next start does
                error = SourceError(str(error))
            raise error from None
        finally:
            await self.journal.close()

    @contextlib.asynccontextmanager
    async def _sending(self) -> AsyncIterator[None]:
        if self.newsroom is None:
            yield
            return
        self.newsroom.start()
        try:
            yield
        finally:
            await self.newsroom.stop()

    def _telling(self) -> TellingFigures:
        return TellingFigures() if self.newsroom is None else self.newsroom.figures()

    def _take_up(self, rebuilt: Rebuilt) -> None:
        """Let the sinks know what was under way, and what had been good."""
        self.board.begin(rebuilt.open)
        self.metrics.remember(Library(self.journal.address).successes())
        if rebuilt.standings:
            log.info("going on from the state: %d streams, %d attempts under way", len(rebuilt.standings), len(rebuilt.open))

    def _status(self) -> str:
        return f"following {len(self.recorder.sources)} source(s)"

    async def take_new_configuration(self) -> None:
        """See SIGHUP above."""
        if self.renew is None:
            log.warning("there is no configuration to read again")
            return
        self.manager.reloading()
        try:
            new = await asyncio.to_thread(self.renew)
        except ConnwatchError as error:
            self.reload.successful = False
            problems = "; ".join(str(error).splitlines())
            log.error("the new configuration is not used, the old one goes on: %s", problems)  # noqa: TRY400 - the sentence is the news
        else:
            await self.recorder.exchange(new.engine, new.sources, new.lateness)
            if self.newsroom is not None:
                await self.newsroom.renew(new.orders)
            self.sources = new.sources
            self.reload = Reload(True, self.now())
            log.info("the new configuration is in use: %s", ", ".join(source.name for source in new.sources))
            if new.unused:
                log.warning("%s: the new value needs a restart, the old one goes on", ", ".join(new.unused))
        self.manager.ready(self._status())

    def stop(self) -> None:
        """Begin to stop."""
        self.stopped = True
        self.manager.stopping()
        self.recorder.stop()

    @contextlib.asynccontextmanager
    async def _http(self, listening: socket.socket | None) -> AsyncIterator[None]:
        if listening is None:
            yield
            return
        web = server(create_app(View(Library(self.journal.address), self.bus, self.metrics.text, self), self.token))
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(web.serve(sockets=[listening]))
            try:
                yield
            finally:
                self.bus.close()
                web.should_exit = True
                await serving

    @contextlib.contextmanager
    def _signals(self) -> Any:
        loop = asyncio.get_running_loop()
        asked = False

        def on_signal(number: signal.Signals) -> None:
            nonlocal asked
            if asked:
                os._exit(128 + number)
            asked = True
            log.info("%s: stopping", number.name)
            self.stop()

        reloads: set[asyncio.Task[None]] = set()

        def on_hangup() -> None:
            if reloads:
                return  # one at a time; what was asked meanwhile is read by the next hangup
            task = loop.create_task(self.take_new_configuration())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal, number)
        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def figures(self) -> list[SourceFigures]:
        """Each source as it is now."""
        return source_figures(self.recorder)

    def alive(self) -> bool:
        """See Health."""
        return self.recorder.alive()

    def ready(self) -> bool:
        """See Health."""
        return self.recorder.ready()

    def report(self) -> list[dict[str, Any]]:
        """See Health."""
        return source_rows(self.recorder)

    def trouble(self) -> str:
        """See Health."""
        return self.journal.note


def _first(group: BaseExceptionGroup[ConnwatchError]) -> ConnwatchError:
    """What the user is told, out of the groups that task groups make of errors."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, ConnwatchError) else ConnwatchError(str(error))
