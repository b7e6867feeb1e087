"""What cannot belong to an attempt is grouped, and draws in the strays in its midst."""

from __future__ import annotations

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.sweep import Sweeps
from connwatch.model.event import Event, Stage
from support.steps import step

SCANNER = "203.0.113.66"


def scan(at: float, host: str = "mcp.example.org", address: str | None = SCANNER) -> Event:
    return step(Stage.OTHER, at, 404, noise="scanner", host=host, address=address, actor="unknown")


def stray(at: float, status: int = 404, stage: Stage = Stage.SERVER_METADATA, address: str | None = SCANNER, **more: object) -> Fragment:
    return Fragment.of(step(stage, at, status, address=address, **more))


def swept(*times: float) -> Sweeps:
    sweeps = Sweeps()
    for at in times:
        sweeps.add(scan(at), at)
    return sweeps


def test_a_pause_ends_a_sweep() -> None:
    sweeps = swept(1.0, 1.2, 1.4, 5.0)
    assert [[event.at for event in sweep.events] for sweep in sweeps.take_over(4.0)] == [[1.0, 1.2, 1.4]]
    sweeps.rest(5.1)
    assert sweeps.take_over(9.0) == []
    sweeps.rest(6.0)
    (last,) = sweeps.take_over(9.0)
    assert (last.noise, last.start, last.end) == ("scanner", 5.0, 5.0)
    assert sweeps.take_over(9.0) == []


def test_each_host_has_its_own() -> None:
    sweeps = Sweeps()
    for at in (1.0, 1.1, 1.2):
        sweeps.add(scan(at, "a.example.org"), at)
        sweeps.add(scan(at, "b.example.org"), at)
    sweeps.rest(9.0)
    assert [len(sweep.events) for sweep in sweeps.take_over(9.0)] == [3, 3]


def test_a_sweep_that_may_yet_take_in_strays_is_not_over() -> None:
    sweeps = swept(1.0, 5.0)
    assert sweeps.take_over(0.9) == []
    assert len(sweeps.take_over(1.0)) == 1


def test_the_first_sweep_that_is_over_is_due_first() -> None:
    assert Sweeps().due() is None
    first, both = swept(1.0).due(), swept(1.0, 5.0).due()
    assert first is not None
    assert first == both > 1.0


def test_a_flood_is_counted_not_kept() -> None:
    sweeps = swept(*(number / 100 for number in range(250)))
    sweeps.rest(9.0)
    (flood,) = sweeps.take_over(9.0)
    assert (len(flood.events), flood.dropped, flood.end) == (200, 50, 2.49)


def test_a_stray_in_its_midst_is_drawn_in() -> None:
    sweeps = swept(1.0, 1.3, 1.6)
    sweeps.rest(9.0)
    lost, nobodys = stray(1.1), stray(1.2, address=None)
    assert sweeps.absorb([lost, nobodys]) == [lost, nobodys]
    (sweep,) = sweeps.take_over(9.0)
    assert [event.at for event in sweep.events] == [1.0, 1.1, 1.2, 1.3, 1.6]


def test_what_is_somebodys_or_got_somewhere_is_no_stray() -> None:
    sweeps = swept(1.0, 1.3, 1.6)
    sweeps.rest(9.0)
    long = stray(1.1)
    for at in (1.1, 1.2, 1.3, 1.4):
        long.add(step(Stage.SERVER_METADATA, at, 404, address=SCANNER), "inferred")
    not_strays = [
        long,
        stray(1.1, 200),  # it was answered
        stray(1.1, client="claude"),
        stray(1.1, keys=[("session", "s")]),
        stray(1.1, address="192.0.2.1"),  # another address
        stray(3.0),  # later
    ]
    assert sweeps.absorb(not_strays) == []


def test_while_a_sweep_is_open_nothing_is_drawn_in() -> None:
    assert swept(1.0).absorb([stray(1.0)]) == []


def test_noise_without_an_address_draws_in_nobody() -> None:
    sweeps = Sweeps()
    sweeps.add(scan(1.0, address=None), 1.0)
    sweeps.rest(9.0)
    assert sweeps.absorb([stray(1.0)]) == []
