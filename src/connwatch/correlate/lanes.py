"""Indexes over the open fragments: by exact key, by who speaks, and by what they last did.

They answer in constant time what would otherwise be asked of every open fragment, so that the cost of an event does not grow with
the number of attempts that are open. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from connwatch.correlate.fragment import Fragment
from connwatch.model.event import Event

__all__ = ["Lane", "Lanes", "lane_of"]

Lane = tuple[str | None, str | None, str | None]
_ENOUGH = 4  # steps: from so many on, more of them make a fragment no more worth keeping
_LATEST = 16  # fragments looked at of those that last did the same


def lane_of(event: Event) -> Lane:
    """Who speaks, as far as one line shows it: host asked, address, agent."""
    return event.host, event.address, event.agent


class Lanes:
    """Keeps the indexes of the fragments that are open."""

    def __init__(self) -> None:
        self.live: dict[int, Fragment] = {}
        self._speakers: dict[Lane, dict[int, Fragment]] = {}
        self._tails: dict[tuple[str, str | None], dict[int, Fragment]] = {}
        self._place: dict[int, tuple[str, str | None]] = {}
        self._lanes: dict[int, list[Lane]] = {}  # where a fragment is indexed: its events may show another speaker by now

    def __len__(self) -> int:
        return len(self.live)

    def open(self, fragment: Fragment) -> None:
        """Index a fragment by its members."""
        key = id(fragment)
        self.live[key] = fragment
        self._lanes[key] = []
        self.took_in(fragment, fragment)

    def grew(self, fragment: Fragment, lane: Lane) -> None:
        """An event of this speaker was added to a fragment that is open, or has changed there."""
        key = id(fragment)
        self._speaks(key, lane, fragment)
        self._settle_tail(key, fragment)

    def took_in(self, fragment: Fragment, other: Fragment) -> None:
        """A fragment that is open has the members of `other` now, which is closed or itself."""
        key = id(fragment)
        for member in other.members:
            self._speaks(key, lane_of(member.event), fragment)
        self._settle_tail(key, fragment)

    def close(self, fragment: Fragment) -> None:
        """Forget a fragment."""
        key = id(fragment)
        if self.live.pop(key, None) is None:
            return
        for lane in self._lanes.pop(key):
            row = self._speakers[lane]
            del row[key]
            if not row:
                del self._speakers[lane]
        self._leave(key)

    def speaking(self, lane: Lane) -> dict[int, Fragment]:
        """The open fragments in which this speaker spoke."""
        return self._speakers.get(lane, {})

    def worth(self, fragment: Fragment) -> tuple[bool, int, float]:
        """How much would be lost if this were closed early: the least is what got least far, and of that the oldest.

        Who floods a server makes requests without number, and gets no token from it. Steps of one speaker that are not tied yet count together.
        """
        said = len(fragment.members)
        for lane in islice(self._lanes[id(fragment)], _ENOUGH):
            said = max(said, sum(len(other.members) for other in islice(self._speakers[lane].values(), _ENOUGH)))
        return fragment.was_granted(), min(said, _ENOUGH), fragment.end

    def last_did(self, kind: str, host: str | None) -> Iterator[Fragment]:
        """The open fragments whose last step on this host was of this kind, latest first, a bounded number."""
        row = self._tails.get((kind, host))
        return islice(reversed(row.values()), _LATEST) if row else iter(())

    def _speaks(self, key: int, lane: Lane, fragment: Fragment) -> None:
        row = self._speakers.get(lane)
        if row is None:
            row = self._speakers[lane] = {}
        elif key in row:
            return
        row[key] = fragment
        self._lanes[key].append(lane)

    def _settle_tail(self, key: int, fragment: Fragment) -> None:
        tail = fragment.members[-1]
        place = (tail.kind, tail.event.host)
        self._leave(key)
        self._place[key] = place
        self._tails.setdefault(place, {})[key] = fragment

    def _leave(self, key: int) -> None:
        place = self._place.pop(key, None)
        if place is not None:
            row = self._tails[place]
            row.pop(key, None)
            if not row:
                del self._tails[place]
