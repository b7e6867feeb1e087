"""Going on in a stream whose lines begin with an RFC 3339 stamp: from where to ask, and which lines came already. Pure; knows no program.

Two writers of one log (standard output and error of a container) stamp apart from each other, so a line may follow one with a later
stamp. Therefore the stream is asked for again from a little before the newest stamp, and what came already is told by digests.

A stamp can be wrong: a line may begin with any, and a clock may be. One from the future would hide all that comes until then. So it counts
as now at most, and one that is far ahead counts only when many come in a row, which is a clock that was set forward, or another one that
runs ahead (a program that writes the local time and calls it UTC). Where some in a row lie before the newest, that one was wrong, or the
clock was set back: the stream is where they are.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from datetime import UTC, datetime
from hashlib import blake2b

__all__ = ["OVERLAP", "Stamped", "asked_from", "stamp_of"]

OVERLAP = 1.0
"""So many seconds before the newest stamp are asked for again."""
MOST_KEPT = 512
"""Most digests in a cursor. A stream with more lines a second has a shorter overlap."""
AHEAD = 60.0
"""A stamp this many seconds after now is not believed. Less is how late `now` may have become known, and how far two clocks drift apart."""
EARLY_LINES = 16
"""After so many in a row it is."""
MOST_AHEAD = 128
"""Most digests of lines from the future."""
MOST_LEAD = 86400.0
"""How far another clock may be ahead for a next run to expect it: no local time is further away."""
LATE_LINES = 3
"""So many lines in a row that lie before the overlap show that the newest stamp was wrong."""

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)(?= )")


def stamp_of(line: bytes) -> float | None:
    """The stamp in front of a line, in seconds since the epoch, cut to microseconds."""
    found = _STAMP.match(line)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found.group().decode()).timestamp()
    except ValueError:
        return None


def asked_from(at: float) -> str:
    """A time in seconds since the epoch as `--since` takes it, to the microsecond. Raises ValueError for one beyond the calendar."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except (OverflowError, OSError) as error:
        raise ValueError(f"{at} is no time") from error


class Stamped:
    """What was seen of one stream. `duplicates` counts lines that came again, `newest` is the newest stamp that is believed.

    Raises ValueError, KeyError or TypeError for a cursor that is none.
    """

    def __init__(self, cursor: str | None = None) -> None:
        self.duplicates = 0
        self._asked: float | None = None
        self.newest: float | None = None
        self._kept: deque[tuple[float, str]] = deque()
        self._ahead: deque[str] = deque(maxlen=MOST_AHEAD)
        self._early = self._late = 0
        self._lead = 0.0  # how far the clock of the stamps is ahead of the one that was asked
        self._last = ""
        self._again: Counter[str] = Counter()
        self._until: float | None = None
        if cursor is not None:
            self._resume(cursor)

    def _resume(self, cursor: str) -> None:
        saved = json.loads(cursor)
        self._asked, self.newest = float(saved["since"]), None if saved["newest"] is None else float(saved["newest"])
        asked_from(self._asked)  # a time that cannot be asked for is none
        self._kept.extend((float(at), str(digest)) for at, digest in saved["seen"])
        self._last = self._kept[-1][1] if self._kept else ""
        self._ahead.extend(str(digest) for digest in saved.get("ahead", ()))
        self._lead = min(max(float(saved.get("lead", 0)), 0.0), MOST_LEAD)
        self._again.update(digest for _, digest in self._kept)
        self._again.update([digest for digest in self._ahead if digest not in self._again])
        if self.newest is not None:
            self._until = max((self.newest, *(at for at, _ in self._kept))) + OVERLAP

    @property
    def since(self) -> float | None:
        """From where to ask again, in seconds since the epoch; None where no stamp is known."""
        if self.newest is None:
            return self._asked
        start = max(self.newest - OVERLAP, self._asked or 0.0)
        if len(self._kept) == MOST_KEPT:
            start = max(start, min((self.newest, *(at for at, _ in self._kept))))
        return start

    def begin(self, at: float) -> None:
        """The stream was asked for from `at` on: where nothing comes, that is where to ask again."""
        if self._asked is None:
            self._asked = at

    def was_set_back(self, now: float, *, same_clock: bool) -> bool:
        """Whether where to ask from lies in the future of the clock that makes the stamps. `now` is cut to the second, and what the machine's own
        clock says; where that is not the `same_clock`, the stamps may be ahead of it as far as they were.
        """
        ahead = 0.0 if self.since is None else self.since - now
        if same_clock or ahead < 1:
            self._lead = 0.0
        return ahead >= self._lead + 1

    def start_over(self, at: float | None) -> None:
        """Forget where the stream was; it was asked for from `at` on, or tells all it has. Lines that are remembered are still known."""
        self._asked, self.newest, self._until, self._lead = at, None, None, 0.0

    def take(self, data: bytes, now: float | None) -> bytes:
        """The lines of `data` (whole ones) that did not come before. `now` is what the clock that makes the stamps says; None: nobody knows."""
        fresh: list[bytes] = []
        for text in data.split(b"\n")[:-1]:
            line = text + b"\n"
            at = stamp_of(line)
            if at is None or self._is_fresh(at, line, now):
                fresh.append(line)
        return b"".join(fresh)

    def _is_fresh(self, at: float, line: bytes, now: float | None) -> bool:
        digest = blake2b(line, digest_size=8).hexdigest()
        if self._again[digest] > 0:
            self._again[digest] -= 1
            self.duplicates += 1
            if self._lead and digest == self._last:  # history ends here: the stamps that say so may have been wrong
                self._until = None
            return False
        if now is not None and at > now + AHEAD:
            self._ahead.append(digest)  # believed or not: it comes again whenever the stream is asked for
        if now is not None and at > now + self._lead + AHEAD:
            self._early += 1
            if self._early < EARLY_LINES:
                return True
            self._lead = at - now
        self._early = 0
        if self._until is not None:
            if at > self._until:
                self._until = None
            elif self._asked is not None and at < self._asked:  # a command that tells its whole history again
                self.duplicates += 1
                return False
        self._keep(at, digest, at if now is None else min(at, now + self._lead))
        return True

    def _keep(self, at: float, digest: str, believed: float) -> None:
        if self.newest is None or at >= self.newest - OVERLAP:
            self._late = 0
            self.newest = believed if self.newest is None else max(self.newest, believed)
        else:
            self._late += 1
            if self._late == LATE_LINES:
                self._late, self._lead, self.newest = 0, 0.0, at
                self._asked = None if self._asked is None else max(0.0, min(self._asked, at))
        self._kept.append((at, digest))
        while self._kept and (self._kept[0][0] < self.newest - OVERLAP or len(self._kept) > MOST_KEPT):
            self._kept.popleft()

    def cursor(self) -> str | None:
        """Where to go on; None while nothing is known that could be gone on from."""
        since = self.since
        if since is None:
            return None
        lead = self._lead if self._lead <= MOST_LEAD else 0.0
        saved = {"since": since, "newest": self.newest, "seen": list(self._kept), "ahead": list(self._ahead), "lead": lead}
        return json.dumps(saved, separators=(",", ":"))
