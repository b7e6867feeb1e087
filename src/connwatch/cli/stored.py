"""Stored attempts, wherever they can be read: in the state file, or from a daemon over HTTP. Must not know how they are shown.

The file is asked first: it can be read while the daemon writes it and after it stopped. Where it is not there or not ours to read, the daemon is;
and where a daemon answers that keeps its state elsewhere (in memory, because it cannot write the file), the file is old, and silent about now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import click

from connwatch.cli.console import say
from connwatch.cli.filters import one_of
from connwatch.cli.latest import STOPPED
from connwatch.cli.remote import Daemon, daemon_of
from connwatch.cli.setup import Setup
from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.errors import SourceError
from connwatch.model.mark import Gap, Mark
from connwatch.model.selection import Selection

if TYPE_CHECKING:
    from connwatch.store.library import Library

__all__ = ["AROUND", "MOST_ROWS", "Archive", "archive_of", "latest_of", "listen_option", "one_called", "readable", "state_of"]

AROUND = 60.0
"""Seconds before and after an attempt in which marks may explain it."""

MOST_ROWS = 1_000_000
"""What can be asked for at once; SQLite takes no number beyond its own."""
MOST_CALLED = 10
"""So many attempts are named to whoever gave too little of an id."""

Around = tuple[list[Mark], list[tuple[str, Gap]]]

listen_option = click.option("--listen", "address", metavar="HOST:PORT", help="Ask the daemon that answers here, and read no file.")


class Archive(Protocol):
    """Where stored attempts are. Each question raises SourceError where it cannot be answered."""

    where: str

    def latest(self, selection: Selection, most: int) -> list[Attempt]:
        """The attempts, the latest first."""
        ...

    def called(self, beginning: str) -> list[Attempt]:
        """Attempts whose id begins so."""
        ...

    def around(self, attempt: Attempt) -> Around:
        """Marks and gaps within a minute of the attempt."""
        ...


def archive_of(setup: Setup, address: str | None) -> Archive:
    """What can be read: see above. `address` asks for a daemon and nothing else. Raises SourceError."""
    from connwatch.store.library import Library

    daemon = daemon_of(setup.settings, address)
    if address is not None:
        return _Far(daemon)
    path = setup.state_path
    try:
        library = Library.of_file(path)
        elsewhere = _elsewhere(daemon, library, path)
    except SourceError as error:
        if daemon.answers():
            say(f"{error}; asking the daemon at {daemon.address}")
            return _Far(daemon)
        hint = "start one with `connwatch run --config FILE`, name its configuration with --config, or read logs with `connwatch replay FILE...`"
        raise SourceError(f"{error}; and no daemon answers at {daemon.address}: {hint}") from error
    if elsewhere:
        say(f"{elsewhere}; asking it")
        return _Far(daemon)
    return _Near(library, str(path))


def state_of(setup: Setup) -> Library:
    """The state file, for what no daemon can be asked: alerts, messages, silences. Raises SourceError where the daemon at work keeps another."""
    from connwatch.store.library import Library

    library = Library.of_file(setup.state_path)
    if elsewhere := _elsewhere(daemon_of(setup.settings, None), library, setup.state_path):
        what_to_do = "let the account it runs as write that file and start it again, or name its own configuration with --config"
        raise SourceError(f"{elsewhere}; what stands there is not what holds now: {what_to_do}")
    return library


def _elsewhere(daemon: Daemon, library: Library, path: Path) -> str:
    """That the daemon at work does not keep the state in this file, and why, in a sentence; "" where it does, and where none answers."""
    try:
        life, _, _ = str(daemon.get("/api/attempts?limit=1").get("position", "")).partition("-")
        if life in ("", library.life()):
            return ""
        note = daemon.get("/api/sources").get("state", {}).get("note", "")
    except SourceError:
        return ""
    return f"the daemon at {daemon.address} does not keep its state in {f'this file: {note}' if note else path}"


def readable(*words: str) -> None:
    """Raises a usage error for bytes that are no text: no state holds them, and no daemon can be asked for them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise click.UsageError(f"{word!r} is no text in UTF-8") from error


def one_called(archive: Archive, beginning: str) -> Attempt:
    """The attempt whose id is, or begins with, `beginning`. Raises a usage error for none and for several."""
    readable(beginning)
    found = archive.called(beginning)
    if len(found) == MOST_CALLED and not any(one.id == beginning for one in found):
        raise click.UsageError(f"{beginning!r} begins {MOST_CALLED} ids or more; give more of it, or see `connwatch attempts`")
    return one_of(found, beginning, f"in {archive.where}; `connwatch attempts` lists them")


def latest_of(archive: Archive, ways: Sequence[tuple[Outcome, ...]]) -> Attempt:
    """The latest attempt of the first of these ways to end that any has. Raises a usage error where none has."""
    for outcomes in ways:
        if found := archive.latest(Selection(outcomes=[one.value for one in outcomes]), 1):
            return found[0]
    if ways[-1] is STOPPED:
        raise click.UsageError(f"no attempt in {archive.where} failed, stalled or was abandoned; `connwatch attempts` lists the others")
    raise click.UsageError(f"no connector attempt in {archive.where} yet; `connwatch sources` says what is followed")


class _Near:
    def __init__(self, library: Library, where: str) -> None:
        self._library, self.where = library, where

    def latest(self, selection: Selection, most: int) -> list[Attempt]:
        return self._library.attempts(selection, limit=most)

    def called(self, beginning: str) -> list[Attempt]:
        return self._library.called(beginning, most=MOST_CALLED)

    def around(self, attempt: Attempt) -> Around:
        start, end = attempt.started_at - AROUND, attempt.ended_at + AROUND
        return self._library.marks(start, end), self._library.gaps(start, end)


class _Far:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self.where = daemon, f"the daemon at {daemon.address}"

    def latest(self, selection: Selection, most: int) -> list[Attempt]:
        globs = ("client", selection.clients), ("server", selection.servers), ("outcome", selection.outcomes)
        asked = [(name, one) for name, many in globs for one in many]
        asked += [(name, repr(at)) for name, at in (("since", selection.since), ("until", selection.until)) if at is not None]
        rows, _ = self._daemon.attempts([*asked, ("form", "stored")], most)
        return [self._read(row) for row in rows]

    def called(self, beginning: str) -> list[Attempt]:
        found = self._daemon.get(f"/api/attempts/{quote(beginning, safe='')}?form=stored", statuses=(200, 404))
        if "id" in found:
            found.pop("marks", None)
            return [self._read(found)]
        if "several" in found:
            raise click.UsageError(str(found["error"]))
        return []

    def around(self, attempt: Attempt) -> Around:
        found = self._daemon.get(f"/api/marks?since={attempt.started_at - AROUND!r}&until={attempt.ended_at + AROUND!r}")
        marks, gaps = [], []
        try:
            for row in found["marks"]:
                if row["what"] == "gap":
                    gaps.append((row["source"], Gap(row["detail"], _seconds(row["at"]), _seconds(row["until"]))))
                else:
                    marks.append(Mark(_seconds(row["at"]), row["source"], row["what"], row["detail"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._strange() from error
        return marks, gaps

    def _read(self, row: Mapping[str, Any]) -> Attempt:
        import json

        from connwatch.store.codec import read_attempt

        try:
            return read_attempt(json.dumps(row))
        except ValueError as error:
            raise self._strange() from error

    def _strange(self) -> SourceError:
        return SourceError(f"{self.where} answers in words that are not known here: it is of another version")


def _seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()
