"""Exact keys: values that tie events together beyond doubt, and which kinds of values those are.

A `client_id` is exact only where it proved unique: registered here once, and not used by several authorizations (real servers give
everybody the same one, and metadata-document ids are shared by all users of a product). A token's prefix belongs to a user, not
to an attempt, and is no key at all here. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from connwatch.model.event import Event, Stage

__all__ = ["ALWAYS", "ClientIds"]

Key = tuple[str, str]
_Place = tuple[int, int]

ALWAYS = frozenset({"state", "challenge", "code", "code8", "session", "session8", "transaction", "request_id", "token"})
_REMEMBERED = 10_000  # client ids


class ClientIds:
    """Learns which client ids tell attempts apart. Bounded: the ids seen longest ago are forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[_Place | None, str | None]] = OrderedDict()  # id -> (its registration, state of its one authorization)
        self._shared: OrderedDict[str, None] = OrderedDict()

    def exact_keys(self, event: Event) -> Iterator[Key]:
        """The keys of an event that are exact, as far as is known now. An event may be asked about again."""
        for key in event.keys:
            if key[0] in ALWAYS or (key[0] == "client_id" and self._unique(key[1], event)):
                yield key

    def _unique(self, client_id: str, event: Event) -> bool:
        if client_id in self._shared:
            return False
        registered, state = self._seen.get(client_id, (None, None))
        mine = next((value for kind, value in event.keys if kind == "state"), None)
        again = False
        if event.stage is Stage.REGISTRATION:
            again = registered is not None and registered != event.serial
            registered = event.serial
        if again or (state is not None and mine is not None and mine != state):
            self._shared[client_id] = None
            if len(self._shared) > _REMEMBERED:
                self._shared.popitem(last=False)
            self._seen.pop(client_id, None)
            return False
        self._seen[client_id] = (registered, state or mine)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return registered is not None
