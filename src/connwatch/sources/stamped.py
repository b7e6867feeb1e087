"""Going on in a stream whose lines begin with an RFC 3339 stamp: from where to ask, and which lines came already. Pure; knows no program.

Two writers of one log (standard output and error of a container) stamp apart from each other, so a line may follow one with a later
stamp. Therefore the stream is asked for again from a little before the newest stamp, and what came already is told by digests.
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
    """A time in seconds since the epoch as `--since` takes it, to the microsecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Stamped:
    """What was seen of one stream. `duplicates` counts lines that came again."""

    def __init__(self, cursor: str | None = None) -> None:
        self.duplicates = 0
        self._asked: float | None = None
        self.newest: float | None = None
        self._kept: deque[tuple[float, str]] = deque()
        self._again: Counter[str] = Counter()
        self._until: float | None = None
        if cursor is not None:
            self._resume(cursor)

    def _resume(self, cursor: str) -> None:
        saved = json.loads(cursor)
        self._asked, self.newest = float(saved["since"]), None if saved["newest"] is None else float(saved["newest"])
        self._kept.extend((float(at), str(digest)) for at, digest in saved["seen"])
        self._again.update(digest for _, digest in self._kept)
        self._until = None if self.newest is None else self.newest + OVERLAP

    @property
    def since(self) -> float | None:
        """From where to ask again, in seconds since the epoch; None where no stamp is known."""
        if self.newest is None:
            return self._asked
        if len(self._kept) == MOST_KEPT:
            return min(at for at, _ in self._kept)
        return max(self.newest - OVERLAP, self._asked or 0.0)

    def begin(self, at: float) -> None:
        """The stream was asked for from `at` on: where nothing comes, that is where to ask again."""
        if self._asked is None:
            self._asked = at

    def take(self, data: bytes) -> bytes:
        """The lines of `data` (whole ones) that did not come before."""
        fresh: list[bytes] = []
        for text in data.split(b"\n")[:-1]:
            line = text + b"\n"
            at = stamp_of(line)
            if at is None or self._is_fresh(at, line):
                fresh.append(line)
        return b"".join(fresh)

    def _is_fresh(self, at: float, line: bytes) -> bool:
        digest = blake2b(line, digest_size=8).hexdigest()
        if self._until is not None:
            if at > self._until:
                self._until = None
                self._again.clear()
            elif self._again[digest] > 0:
                self._again[digest] -= 1
                self.duplicates += 1
                return False
            elif self._asked is not None and at < self._asked:  # a command that tells its whole history again
                self.duplicates += 1
                return False
        self._keep(at, digest)
        return True

    def _keep(self, at: float, digest: str) -> None:
        self.newest = at if self.newest is None else max(self.newest, at)
        self._kept.append((at, digest))
        while self._kept and (self._kept[0][0] < self.newest - OVERLAP or len(self._kept) > MOST_KEPT):
            self._kept.popleft()

    def cursor(self) -> str | None:
        """Where to go on; None while nothing is known that could be gone on from."""
        since = self.since
        if since is None:
            return None
        return json.dumps({"since": since, "newest": self.newest, "seen": list(self._kept)}, separators=(",", ":"))
