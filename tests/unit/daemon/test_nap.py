"""A rest: it ends by itself, by what it waits for, or by who wakes it, also in the moment in which it ends anyway."""

from __future__ import annotations

import asyncio
import time

from connwatch.daemon.nap import Nap


async def for_ever() -> None:
    await asyncio.sleep(3600)


def test_it_ends_by_itself_or_by_what_it_waits_for() -> None:
    async def story() -> None:
        nap = Nap()
        await nap.take(0.01, for_ever())
        await nap.take(3600, asyncio.sleep(0))

    asyncio.run(asyncio.wait_for(story(), 10))


def test_somebody_wakes_it() -> None:
    async def story() -> None:
        nap = Nap()
        nap.wake()
        asyncio.get_running_loop().call_later(0.01, nap.wake)
        await nap.take(3600, for_ever())

    asyncio.run(asyncio.wait_for(story(), 10))


def test_somebody_wakes_it_in_the_moment_in_which_it_ends() -> None:
    async def story() -> None:
        nap = Nap()

        async def wakes_at_the_end() -> None:
            try:
                await for_ever()
            finally:
                nap.wake()

        began = time.monotonic()
        await nap.take(0.01, wakes_at_the_end())
        assert time.monotonic() - began < 5

    asyncio.run(asyncio.wait_for(story(), 10))
