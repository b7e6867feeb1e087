"""How long a silence is normal: the catalogue's time limits, looked up. Knows nothing of attempts."""

from __future__ import annotations

from typing import Final

from connwatch.rules.catalogue import Catalogue, TimeLimit

__all__ = ["Pace"]

_DEFAULT: Final = TimeLimit(id="default", waiting_for="", seconds=60.0, then="stalled", reason="ten times the slowest good case that was measured")


class Pace:
    """The limits of a catalogue, and which families have a backend of their own."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._entries = list(catalogue.limits.values())
        self._limits: dict[tuple[str, str, str], TimeLimit] = {}
        self._hosted: dict[str, bool] = {}
        for client in catalogue.clients.values():
            self._hosted[client.family] = self._hosted.get(client.family, False) or (client.hosted and client.family != "other")

    def hosted(self, family: str) -> bool:
        """Whether a vendor's backend makes the family's requests, and no person has to act between two of them."""
        return self._hosted.get(family, False)

    def limit(self, waiting_for: str, after: str, family: str) -> TimeLimit:
        """How long to wait for a stage after another; the most particular entry wins, then the later one."""
        key = (waiting_for, after, family)
        found = self._limits.get(key)
        if found is None:
            found = self._limits[key] = self._find(*key)
        return found

    def _find(self, waiting_for: str, after: str, family: str) -> TimeLimit:
        hosted = "yes" if self.hosted(family) else "no"
        best, grade = _DEFAULT, -1
        for limit in self._entries:
            if limit.waiting_for != waiting_for or limit.after not in ("", after) or limit.hosted not in ("", hosted):
                continue
            if limit.families and family not in limit.families:
                continue
            particular = 4 * bool(limit.families) + 2 * bool(limit.hosted) + bool(limit.after)
            if particular >= grade:
                best, grade = limit, particular
        return best
