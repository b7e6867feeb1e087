"""The courier with a clock that the test winds: what it promises of repeats, of bounds, and of one target that hangs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from connwatch.model.errors import SourceError
from connwatch.notify.courier import AGAIN, AT_ONCE, MOST_TRIES, Courier, Parcel, Rate
from support.live import until
from support.parcels import NOON, Clock, Mailbox, MemoryQueue, message, target


class Story:
    """A courier at work for `phone` and `mail`."""

    def __init__(self, queue: MemoryQueue | None = None, rate: Rate | None = None) -> None:
        self.queue, self.clock, self.box = queue or MemoryQueue(), Clock(), Mailbox()
        self.courier = Courier([target("phone"), target("mail")], self.queue, self.clock, rate=rate or Rate(), post=self.box, chance=lambda: 0.5)

    def tell(self, *titles: str, to: str = "phone") -> None:
        for title in titles:
            self.queue.put(to, message(title), self.clock.at)
        self.courier.wake()

    def wind(self, seconds: float) -> None:
        self.clock.at += seconds
        self.courier.wake()

    async def looked(self) -> None:
        """Both lanes have looked at the queue since now, and found nothing to do."""
        before = len(self.box.came), self.queue.asked
        self.courier.wake()
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(self.box.came) == before[0]

    def noted(self, number: int) -> list[tuple[str, float, str]]:
        return [(what, at, error) for what, parcel, at, error in self.queue.noted if parcel == number]

    def figures(self, name: str = "phone") -> tuple[int, ...]:
        (one,) = (one for one in self.courier.figures() if one.name == name)
        return one.sent, one.failures, one.given_up, one.pending


@asynccontextmanager
async def working(story: Story) -> AsyncIterator[Story]:
    story.courier.start()
    try:
        yield story
    finally:
        await story.courier.stop(0.2)


def test_what_waits_is_sent_once_in_its_order() -> None:
    async def run() -> None:
        async with working(Story()) as story:
            story.tell("one", "two")
            story.tell("letter", to="mail")
            await until(lambda: len(story.queue.noted) == 3)
            assert story.box.titles("phone") == ["one", "two"]
            assert story.box.titles("mail") == ["letter"]
            assert story.figures() == (2, 0, 0, 0)
            assert story.courier.figures()[0].last_success_at == NOON
            await story.looked()

    asyncio.run(run())


def test_a_try_that_fails_is_repeated_ever_later_and_given_up_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "connwatch")

    async def run() -> None:
        async with working(Story()) as story:
            story.box.answers["phone"] = "answered 500 Internal Server Error"
            story.tell("one")
            for tries in range(1, MOST_TRIES):
                await until(lambda: len(story.noted(1)) == tries)  # noqa: B023 - waited for within the turn
                assert story.noted(1)[-1] == ("failed", AGAIN[min(tries, len(AGAIN)) - 1], "answered 500 Internal Server Error")
                story.wind(AGAIN[min(tries, len(AGAIN)) - 1] - 1)
                await story.looked()
                story.wind(1)
            await until(lambda: not story.queue.waiting)
            assert story.noted(1)[-1][0] == "given up"
            assert story.figures() == (0, MOST_TRIES, 1, 0)

    asyncio.run(run())
    assert [record.message for record in caplog.records] == [
        "phone answered 500 Internal Server Error; it is tried again",
        "phone answered 500 Internal Server Error; given up after 12 tries: one",
    ]
    assert sum(AGAIN[min(number, len(AGAIN) - 1)] for number in range(MOST_TRIES - 1)) < 86_400


def test_a_day_old_message_is_tried_once_and_given_up() -> None:
    async def run() -> None:
        story = Story()
        story.queue.put("phone", message("old"), NOON - 90_000)
        story.queue.put("mail", message("old"), NOON - 90_000)
        story.box.answers["phone"] = "refused the connection"
        async with working(story):
            await until(lambda: not story.queue.waiting)
            assert [what for what, *_ in story.noted(1)] == ["given up"]
            assert [what for what, *_ in story.noted(2)] == ["sent"]

    asyncio.run(run())


def test_a_target_that_takes_messages_again_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "connwatch")

    async def run() -> None:
        async with working(Story()) as story:
            story.box.answers["phone"] = "did not answer within 20 s"
            story.tell("one")
            await until(lambda: len(story.queue.noted) == 1)
            story.box.answers["phone"] = ""
            story.wind(10)
            await until(lambda: not story.queue.waiting)
            assert story.figures() == (1, 1, 0, 0)

    asyncio.run(run())
    assert caplog.messages == ["phone did not answer within 20 s; it is tried again", "phone takes messages again"]


def test_what_no_service_takes_does_not_keep_the_others_waiting() -> None:
    async def run() -> None:
        async with working(Story()) as story:
            story.box.answers["phone"] = "answered 413 Content Too Large"
            story.tell("too long")
            await until(lambda: len(story.noted(1)) == 1)
            story.box.answers["phone"] = ""
            story.tell("short")
            await story.looked()  # the lane rests after a failure
            story.queue.waiting[1] = (story.queue.waiting[1][0], NOON + 1800)
            story.wind(10)
            await until(lambda: [what for what, *_ in story.noted(2)] == ["sent"])
            assert story.figures() == (1, 1, 0, 1)

    asyncio.run(run())


def test_one_that_hangs_costs_the_other_nothing() -> None:
    async def run() -> None:
        async with working(Story()) as story:
            story.box.answers["phone"] = None
            story.tell("one")
            story.tell("first", "second", to="mail")
            await until(lambda: story.figures("mail") == (2, 0, 0, 0))
            assert story.box.titles("phone") == ["one"]
            assert story.figures("phone") == (0, 0, 0, 1)

    asyncio.run(run())


def test_no_more_than_eight_are_sent_to_at_once() -> None:
    async def run() -> None:
        story = Story()
        names = [f"target-{number}" for number in range(AT_ONCE + 1)]
        story.box.answers = dict.fromkeys(names[:AT_ONCE], None)
        story.courier = Courier([target(name) for name in names], story.queue, story.clock, post=story.box)
        async with working(story):
            story.tell("one", to=names[0])
            for name in names:
                story.queue.put(name, message("two"), NOON)
            story.courier.wake()
            await until(lambda: len(story.box.came) == AT_ONCE)
            await story.looked()

    asyncio.run(run())


def test_beyond_the_bound_what_waits_becomes_one_message() -> None:
    async def run() -> None:
        async with working(Story(rate=Rate(6, 600))) as story:
            story.tell(*(f"alert {number}" for number in range(1, 31)))
            await until(lambda: not story.queue.waiting)
            assert story.box.titles("phone") == [*(f"alert {number}" for number in range(1, 6)), "25 messages in one: alert 6"]
            last = story.box.came[-1][1]
            assert last.plain.splitlines()[:2] == ["- alert 6", "- alert 7"]
            assert "and 5 more" in last.plain
            assert story.figures() == (6, 0, 0, 0)

            story.tell("late", "later")
            await story.looked()
            story.wind(599)
            await story.looked()
            assert story.figures()[-1] == 2
            story.wind(1)
            await until(lambda: not story.queue.waiting)
            assert story.box.titles("phone")[6:] == ["late", "later"]

    asyncio.run(run())


def test_a_digest_that_fails_is_tried_again_with_all_that_is_in_it() -> None:
    async def run() -> None:
        async with working(Story(rate=Rate(1, 600))) as story:
            story.box.answers["phone"] = "answered 502 Bad Gateway"
            story.tell("one", "two", "three")
            await until(lambda: len(story.queue.noted) == 3)
            story.box.answers["phone"] = ""
            story.wind(10)
            await until(lambda: not story.queue.waiting)
            assert story.box.titles("phone") == ["3 messages in one: one"] * 2
            assert story.figures() == (1, 1, 0, 0)

    asyncio.run(run())


def test_after_a_restart_the_bound_still_counts_and_what_was_under_way_is_sent_again() -> None:
    async def run() -> None:
        before = Story(rate=Rate(2, 600))
        async with working(before):
            before.tell("one")
            await until(lambda: before.figures()[0] == 1)
            before.box.answers["phone"] = None
            before.tell("two")
            await until(lambda: before.box.titles("phone") == ["one", "two"])
        assert before.box.cut_off == ["phone"], "stopping ends what is under way"
        after = Story(before.queue, Rate(2, 600))
        async with working(after):
            await until(lambda: not after.queue.waiting)
            after.tell("three")
            await after.looked()
            assert after.box.titles("phone") == ["two"]
            assert after.figures() == (1, 0, 0, 1)

    asyncio.run(run())


def test_stopping_waits_for_what_is_nearly_there() -> None:
    async def run() -> None:
        story = Story()
        nearly = asyncio.Event()
        answer = story.box

        async def slow(to, text, deadline):
            await nearly.wait()
            return await answer(to, text, deadline)

        story.courier = Courier([target("phone")], story.queue, story.clock, post=slow)
        story.courier.start()
        story.tell("one", "two")
        await asyncio.sleep(0)
        stopping = asyncio.create_task(story.courier.stop(5))
        await asyncio.sleep(0)
        nearly.set()
        await stopping
        assert story.box.titles("phone") == ["one"], "nothing new is begun"
        assert [what for what, *_ in story.queue.noted] == ["sent"]

    asyncio.run(run())


def test_what_arrived_and_could_not_be_noted_is_not_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    class Full(MemoryQueue):
        full = True

        async def sent(self, parcels: Sequence[Parcel], at: float) -> None:
            if self.full:
                raise SourceError("the disk is full")
            await super().sent(parcels, at)

    async def run() -> None:
        queue = Full()
        async with working(Story(queue)) as story:
            story.tell("one")
            await until(lambda: bool(caplog.messages))
            story.wind(30)
            await story.looked()
            queue.full = False
            story.courier.wake()
            await until(lambda: not queue.waiting)
            assert story.box.titles("phone") == ["one"]

    asyncio.run(run())
    assert caplog.messages[0] == "phone: what is sent cannot be noted, sending waits: the disk is full"


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    async def run() -> None:
        async with working(Story(rate=Rate(1, 600))) as story:
            story.tell("one")
            await until(lambda: not story.queue.waiting)
            story.clock.at -= 86_400
            story.tell("two")
            await until(lambda: not story.queue.waiting)
            assert story.box.titles("phone") == ["one", "two"]

    asyncio.run(run())
