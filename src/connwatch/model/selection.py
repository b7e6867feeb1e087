"""Which attempts somebody asks for: by client, server, outcome and time. Knows nothing of how attempts are kept or shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from connwatch.model.attempt import Attempt

__all__ = ["Selection", "fits"]


def fits(value: str, globs: Sequence[str]) -> bool:
    """Whether one of the globs takes the value, in any case; no globs take all."""
    return not globs or any(fnmatchcase(value.lower(), glob.lower()) for glob in globs)


@dataclass(frozen=True, slots=True)
class Selection:
    """An empty part takes all. Clients and servers may be globs; times are seconds since the epoch."""

    clients: Sequence[str] = ()
    servers: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    since: float | None = None
    until: float | None = None

    def __contains__(self, attempt: Attempt) -> bool:
        return self.takes(attempt.client, attempt.server, attempt.outcome.value, attempt.started_at, attempt.ended_at)

    def __bool__(self) -> bool:
        return bool(self.clients or self.servers or self.outcomes or self.since is not None or self.until is not None)

    def takes(self, client: str, server: str, outcome: str, start: float, end: float) -> bool:
        """The same, of one that is told by its parts."""
        return (
            fits(client, self.clients)
            and fits(server, self.servers)
            and (not self.outcomes or outcome in self.outcomes)
            and (self.since is None or end >= self.since)
            and (self.until is None or start <= self.until)
        )
