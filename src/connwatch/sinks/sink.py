"""What a sink is: it is told of changes, in order, by the one loop that owns the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from connwatch.model.change import Change

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes changes without waiting: whoever is slow keeps a place in the bus, not the engine's loop."""

    def receive(self, changes: Sequence[Change]) -> None:
        """Called once a turn with what became different; must return at once and must not keep attempts for writing."""
        ...
