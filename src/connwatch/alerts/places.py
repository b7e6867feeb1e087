"""Which servers get alerts of their own. The name of a host is whatever a stranger sent: without a bound, everyone that is made up is news.

A server at which somebody connected is known. Of others a few at a time are told by their names, and the rest as one. Knows no time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connwatch.alerts.alert import ANYWHERE, Alert
from connwatch.model.attempt import Attempt, Outcome

__all__ = ["MOST_KNOWN", "STRANGERS", "Places"]

MOST_KNOWN: Final = 100
STRANGERS: Final = 5
"""So many servers at which nobody ever connected have alerts of their own at one time."""


class Places:
    """The known servers, the first ones that there were: later ones cannot drive them out."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def went_well(self, attempt: Attempt) -> None:
        """An attempt succeeded. A single good answer proves little, and a whole connection is not made by asking for odd hosts."""
        if attempt.outcome is Outcome.CONNECTED and len(self._known) < MOST_KNOWN:
            self._known.add(attempt.server)

    def may_have_its_own(self, server: str, alerts: Iterable[Alert]) -> bool:
        """Whether a new alert of this server is told under its name, while there are these."""
        if server in self._known:
            return True
        others = {one.key.server for one in alerts if not one.key.about_source} - self._known - {ANYWHERE}
        return server in others or len(others) < STRANGERS
