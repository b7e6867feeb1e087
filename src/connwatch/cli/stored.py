"""Stored attempts, wherever they can be read: in the state file, or from a daemon over HTTP. Must not know how they are shown.

The file is asked first: it can be read while the daemon writes it and after it stopped. Where it is not there or not ours to read, the daemon is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
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

if TYPE_CHECKING:
    from connwatch.store.library import Choice, Library

__all__ = ["AROUND", "Archive", "archive_of", "latest_of", "listen_option", "one_called"]

AROUND = 60.0
"""Seconds before and after an attempt in which marks may explain it."""

Around = tuple[list[Mark], list[tuple[str, Gap]]]

listen_option = click.option("--listen", "address", metavar="HOST:PORT", help="Ask the daemon that answers here, and read no file.")


class Archive(Protocol):
    """Where stored attempts are. Each question raises SourceError where it cannot be answered."""

    where: str

    def latest(self, choice: Choice, most: int) -> list[Attempt]:
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
        return _Near(Library.of_file(path), str(path))
    except SourceError as error:
        if daemon.answers():
            say(f"{error}; asking the daemon at {daemon.address}")
            return _Far(daemon)
        hint = "start one with `connwatch run --config FILE`, name its configuration with --config, or read logs with `connwatch replay FILE...`"
        raise SourceError(f"{error}; and no daemon answers at {daemon.address}: {hint}") from error


def one_called(archive: Archive, beginning: str) -> Attempt:
    """The attempt whose id is, or begins with, `beginning`. Raises a usage error for none and for several."""
    return one_of(archive.called(beginning), beginning, f"in {archive.where}; `connwatch attempts` lists them")


def latest_of(archive: Archive, ways: Sequence[tuple[Outcome, ...]]) -> Attempt:
    """The latest attempt of the first of these ways to end that any has. Raises a usage error where none has."""
    from connwatch.store.library import Choice

    for outcomes in ways:
        if found := archive.latest(Choice(outcomes=[one.value for one in outcomes]), 1):
            return found[0]
    if ways[-1] is STOPPED:
        raise click.UsageError(f"no attempt in {archive.where} failed, stalled or was abandoned; `connwatch attempts` lists the others")
    raise click.UsageError(f"no connector attempt in {archive.where} yet; `connwatch sources` says what is followed")


class _Near:
    def __init__(self, library: Library, where: str) -> None:
        self._library, self.where = library, where

    def latest(self, choice: Choice, most: int) -> list[Attempt]:
        return self._library.attempts(choice, limit=most)

    def called(self, beginning: str) -> list[Attempt]:
        return self._library.called(beginning)

    def around(self, attempt: Attempt) -> Around:
        start, end = attempt.started_at - AROUND, attempt.ended_at + AROUND
        return self._library.marks(start, end), self._library.gaps(start, end)


class _Far:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self.where = daemon, f"the daemon at {daemon.address}"

    def latest(self, choice: Choice, most: int) -> list[Attempt]:
        asked = [(name, one) for name, many in (("client", choice.clients), ("server", choice.servers), ("outcome", choice.outcomes)) for one in many]
        asked += [(name, repr(at)) for name, at in (("since", choice.since), ("until", choice.until)) if at is not None]
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
