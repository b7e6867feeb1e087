"""What the daemon tells of its sources: deaf, silent, well again; and that nothing goes out before it stands in the journal. A clock by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from connwatch.alerts.desk import Desk
from connwatch.alerts.policy import Pace
from connwatch.alerts.wording import Writer
from connwatch.daemon.telling import Posted, Teller
from connwatch.settings.messages import load_templates
from connwatch.sources.source import SourceStatus
from connwatch.store.turn import Turn
from support.desk import START, policy

DAY = 86_400.0


@dataclass
class Pipe:
    """As much of a source as the teller looks at."""

    name: str = "nginx-proxy"
    status: SourceStatus = field(default_factory=SourceStatus)


class Watch:
    """A teller with one source; `passes` turns every five seconds, as the daemon does where nothing comes."""

    def __init__(self) -> None:
        self.pipe, self.deaf, self.now = Pipe(), False, 0.0
        self.posted: list[tuple[float, Posted]] = []
        self.teller = Teller(
            Desk(policy(), Pace(grace=0), began_at=START), Writer(load_templates(), policy().titles), lambda text: ["phone"], lambda name: None,
            lambda at: [], lambda ready: self.posted.extend((self.now, one) for one in ready), silent_seconds=DAY,
        )  # fmt: skip

    def passes(self, seconds: float, step: float = 5.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + step, end)
            turn = Turn(START + self.now)
            before = len(self.posted)
            self.teller.take(turn, START + self.now, [self.pipe], [self.pipe.name] if self.deaf else [])  # type: ignore[list-item]
            assert len(self.posted) == before, "not before the turn is written"
            written = len(turn.notices)
            self.teller.publish()
            assert len(self.posted) == before + written

    def reads(self) -> None:
        self.pipe.status.last_read_at = START + self.now

    def told(self) -> list[tuple[float, str]]:
        return [(at, one.text.title) for at, one in self.posted]


def test_a_source_that_gave_lines_and_then_none_for_a_day_is_told_once_and_its_first_line_ends_it() -> None:
    watch = Watch()
    watch.reads()
    watch.passes(DAY - 60, step=60)
    assert watch.told() == []
    watch.passes(600)
    ((at, title),) = watch.told()
    assert title == "Source nginx-proxy gives no lines"
    assert DAY + 30 <= at <= DAY + 45
    assert watch.posted[0][1].text.plain.startswith("Since 2026-11-23 08:00 UTC the source nginx-proxy gives no lines.")
    watch.reads()
    watch.passes(600)
    assert [title for _, title in watch.told()[1:]] == ["Source nginx-proxy is back"]


def test_a_source_that_never_gave_a_line_is_not_silent() -> None:
    watch = Watch()
    watch.passes(3 * DAY, step=60)
    assert watch.told() == []


def test_a_source_that_cannot_be_read_is_told_with_what_it_says_and_is_not_silent_as_well() -> None:
    watch = Watch()
    watch.reads()
    watch.deaf, watch.pipe.status.note = True, "permission denied"
    watch.passes(2 * DAY, step=30)
    titles = [title for _, title in watch.told()]
    assert titles[0] == "Source nginx-proxy cannot be read"
    assert set(titles[1:]) == {"Source nginx-proxy still cannot be read"}
    assert len(titles) == 12, "every four hours"
    assert "It says: permission denied" in watch.posted[0][1].text.plain
    assert 30 <= watch.told()[0][0] <= 65
