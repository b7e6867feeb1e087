"""A rest that others may cut short. Knows nothing of what is rested from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

__all__ = ["Nap"]


class Nap:
    """One for each loop that rests."""

    def __init__(self) -> None:
        self._under_way: asyncio.Timeout | None = None

    async def take(self, seconds: float, unless: Awaitable[object]) -> None:
        """Return after so many seconds, when `unless` comes true, or when somebody wakes."""
        try:
            async with asyncio.timeout(seconds) as self._under_way:
                await unless
        except TimeoutError:
            pass
        finally:
            self._under_way = None

    def wake(self) -> None:
        """End the rest that is under way, if any. To be called in the loop's thread."""
        if self._under_way is not None and not self._under_way.expired():
            self._under_way.reschedule(asyncio.get_running_loop().time())
