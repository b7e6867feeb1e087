"""How far one container's log has been read, and what of it comes again after reopening. Pure; it must not know where lines come from.

The engine gives lines *from* a stamp, that stamp included, and two channels written at once may be stored a little out of order. So
reading goes on a little before the newest line, and what was seen there is recognised by digest and dropped, as often as it was seen.
That the engine has nothing left of what was seen there shows something else: its rotation was faster, and lines are lost in between.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from hashlib import blake2b

from connwatch.sources.frames import LogLine

__all__ = ["Place"]

OVERLAP = 100_000_000
"""How far before the newest line reading goes on, in nanoseconds: two channels were seen to be microseconds out of order."""
REMEMBERED = 64
"""At most so many lines are remembered, so that a cursor stays small."""
STEP = 1_000_000_000
"""A stamp that is so much older than the newest one means that the host's clock was set back."""


class Place:
    """`container` is the engine's id, `created` when it was made in seconds since the epoch, `at` the newest stamp read, in nanoseconds (0: none).

    `made` is `created` in nanoseconds; 0 as long as nobody looked so closely.
    """

    def __init__(self, container: str, created: int, at: int = 0) -> None:
        self.container, self.created, self.at = container, created, at
        self.made = 0
        self._window: deque[tuple[int, str]] = deque()
        self._again: Counter[str] = Counter()
        self._expecting = False
        self._opened_at = 0

    @classmethod
    def parse(cls, cursor: str) -> Place:
        """The place that a cursor names. Raises ValueError for one that is none."""
        try:
            saved = json.loads(cursor)
            place = cls(str(saved["id"]), int(saved["created"]), int(saved["at"]))
            place.made = int(saved.get("made", 0))
            place._window.extend((int(at), str(digest)) for at, digest in saved["seen"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("no cursor of a container") from error
        return place

    def cursor(self, pending: int | None = None) -> str:
        """The place as text. `pending`: the stamp of a line whose beginning came and whose end did not."""
        seen: list[tuple[int, str]] = list(self._window)
        if pending is not None and pending < self.at and (not seen or pending < seen[0][0]):
            seen.insert(0, (pending, ""))
        known = {"id": self.container, "created": self.created, "made": self.made, "at": self.at, "seen": seen}
        return json.dumps(known, separators=(",", ":"))

    def since(self) -> str:
        """From where to read on, as the engine wants it: seconds, a dot, nine digits."""
        return f"{self.start // 1_000_000_000}.{self.start % 1_000_000_000:09d}"

    @property
    def start(self) -> int:
        """From where to read on, in nanoseconds since the epoch."""
        return min((at for at, _ in self._window), default=self.at + 1 if self.at else 0)

    def skip_to(self, at: int) -> None:
        """Take everything up to `at` for read, without having seen it."""
        self.at = at
        self._window.clear()

    def knows(self, at: int) -> bool:
        """Whether a line with this stamp was the newest, or one of those remembered."""
        return at == self.at or any(at == seen for seen, digest in self._window if digest)

    def went_back(self, newest: int) -> bool:
        """Whether the log's newest line would not come where reading goes on: the clock was set back. Then reading goes on there."""
        if newest >= self.start or self.knows(newest):
            return False
        self.at = newest - 1
        self._window.clear()
        return True

    def reopen(self) -> None:
        """Say that the log is being read from `since()` again."""
        self._again = Counter(digest for _, digest in self._window if digest)
        self._expecting = bool(self._again)
        self._opened_at = self.at

    def take(self, line: LogLine) -> bool:
        """Whether the line is new. A line without a stamp is not for this."""
        at = line.at
        if at is None:
            return False
        digest = _digest(line)
        if self._again:
            if self._again[digest] > 0:
                self._again[digest] -= 1
                self._expecting = False
                return False
            if at > self._opened_at + OVERLAP:
                self._again.clear()
        if at < self.at - STEP:
            self._window.clear()
            self.at = at
        self.at = max(self.at, at)
        self._window.append((at, digest))
        while len(self._window) > 1 and (len(self._window) > REMEMBERED or self._window[0][0] < self.at - OVERLAP):
            self._window.popleft()
        return True

    def lost_before(self, line: LogLine) -> int | None:
        """Ask before `take`: the stamp of the last line before a hole, where this new line is the first that the engine still has after it."""
        if not self._expecting or line.at is None or line.at < self._opened_at or self._again[_digest(line)] > 0:
            return None
        self._expecting = False
        return self._opened_at


def _digest(line: LogLine) -> str:
    return blake2b(bytes((line.channel,)) + line.raw, digest_size=6).hexdigest()
