"""Lines that are known to be ahead and have to come by. Pure; it must not know who announced them.

A stamp that was announced and is passed by later ones without coming itself shows that lines were lost around it. So does a log whose oldest
line is newer than the newest one read: a stream that is a whole rotation behind skips what lies between.
"""

from __future__ import annotations

__all__ = ["Landmarks"]

MOST = 64


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
        if target is not None:
            self.add(target)

    def add(self, at: int) -> None:
        """Announce a stamp."""
        if len(self._around) < MOST:
            self._around.setdefault(at, [self._last, 0])

    def overrun(self, oldest: int) -> None:
        """Announce the oldest line that is still held, where it is newer than what was read."""
        self._oldest = self._oldest or oldest

    def ahead(self, at: int) -> bool:
        """Whether something that was announced is newer than `at`, the newest line read."""
        return any(mark > at for mark in self._around)

    def passed(self, at: int) -> None:
        """A line came, known or new."""
        if self._oldest and at >= self._oldest:
            self._skipped.append((self._last, at))
            self._oldest = 0
        self._last = at
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
        return [*skipped, *((before or mark, after) for mark, (before, after) in gone)]
