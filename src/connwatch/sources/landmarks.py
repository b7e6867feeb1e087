"""Lines that are known to be ahead and have to come by. Pure; it must not know who announced them.

A stamp that was announced and is passed by later ones without coming itself shows that lines were lost around it. So does a log whose oldest
line is newer than the newest one read: a stream that is a whole rotation behind skips what lies between. And where reading paused, the line
before the pause must still be held soon after it: a whole log that turned over meanwhile may have turned over in the pause.
"""

from __future__ import annotations

__all__ = ["Landmarks"]

MOST = 64
PAUSE = 500_000_000
"""Between the stamps of two lines, in nanoseconds. A busy log is looked at five times in that time."""


class Landmarks:
    """`target` is the newest line when reading began, None when nothing was unread: until it comes, what comes is a backlog.

    `last` is the newest line read before. All stamps are nanoseconds since the epoch.
    """

    def __init__(self, target: int | None = None, last: int = 0) -> None:
        self.target = target
        self._around: dict[int, list[int]] = {}
        self._last = last
        self._oldest = 0
        self._skipped: list[tuple[int, int]] = []
        self._pauses: list[tuple[int, int]] = []
        self._told_to = 0
        self._begun = False
        if target is not None:
            self.add(target)

    def add(self, at: int) -> None:
        """Announce a stamp."""
        if len(self._around) < MOST:
            self._around.setdefault(at, [self._last, 0])

    @property
    def paused(self) -> bool:
        """Whether there was a pause of which it is not known that nothing is missing in it."""
        return bool(self._pauses)

    def held(self, oldest: int, newest_read: int) -> None:
        """Announce the oldest line that is still held, and the newest that was read."""
        if 0 < newest_read < oldest:
            self._oldest = self._oldest or oldest
            return
        pauses, self._pauses = self._pauses, []
        for before, after in pauses:
            if before < oldest and after > self._told_to and not any(before < mark < after for mark in self._around):
                self._skipped.append((before, after))

    def ahead(self, at: int) -> bool:
        """Whether something that was announced is newer than `at`, the newest line read."""
        return any(mark > at for mark in self._around)

    def passed(self, at: int) -> None:
        """A line came, known or new."""
        if self._oldest and at >= self._oldest:
            self._skipped.append((self._last, at))
            self._oldest = 0
        elif self._begun and at - self._last > PAUSE and len(self._pauses) < MOST:
            self._pauses.append((self._last, at))
        self._last, self._begun = at, True
        if self.target is not None and at >= self.target:
            self.target = None
        if not self._around:
            return
        self._around.pop(at, None)
        for mark, around in self._around.items():
            if at < mark:
                around[0] = max(around[0], at)
            elif not around[1] or at < around[1]:
                around[1] = at

    def missed(self) -> list[tuple[int, int]]:
        """The stamps before and after each hole that has shown itself; each is told once."""
        gone = [(mark, around) for mark, around in self._around.items() if around[1]]
        for mark, _ in gone:
            del self._around[mark]
        skipped, self._skipped = self._skipped, []
        holes = [*skipped, *((before or mark, after) for mark, (before, after) in gone)]
        self._told_to = max([self._told_to, *(after for _, after in holes)])
        return holes
