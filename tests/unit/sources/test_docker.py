"""What only a broken engine or a strict proxy does to the docker source. What real ones do is in tests/real/test_docker.py."""

from __future__ import annotations

import asyncio
import struct
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from connwatch.model.errors import SourceError
from connwatch.sources.containers import Choice, Facts, identity
from connwatch.sources.dialling import Ssh, make_dialler
from connwatch.sources.docker import DockerSource
from connwatch.sources.dockerlink import Link
from connwatch.sources.frames import Restart, nanoseconds
from connwatch.sources.place import Place
from support.fake_engine import ID, STAMP, FakeEngine, Request, fake_engine, frame
from support.listening import Heard, listening
from support.live import until

A, B, C = "a" * 64, "b" * 64, "e" * 64
LOGS = f"containers/{ID}/logs"


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with tempfile.TemporaryDirectory(prefix="cw-") as folder, fake_engine(Path(folder) / "engine.sock") as running:
        yield running


def source(engine: FakeEngine, watch_seconds: float = 0.3) -> DockerSource:
    return DockerSource("s", Choice("app"), host=engine.host, start="beginning", watch_seconds=watch_seconds)


def several(engine: FakeEngine, start: Literal["beginning", "end"]) -> DockerSource:
    return DockerSource("s", Choice(label="x"), host=engine.host, start=start, watch_seconds=0.05)


def play(one: DockerSource, heard: Heard, tell: Callable[[], Awaitable[None]]) -> None:
    async def story() -> None:
        async with listening(one, heard):
            await asyncio.wait_for(tell(), 15)

    asyncio.run(story())


def at(second: int) -> float:
    """A second of the engine's minute, in seconds since the epoch."""
    return (nanoseconds(STAMP.format(second).encode()) or 0) / 1e9


async def looks(engine: FakeEngine, count: int) -> None:
    """Wait until the list of containers was asked for so often."""
    asked = engine.asked.count("containers/json") + count
    await until(lambda: engine.asked.count("containers/json") >= asked)


class Shelf:
    """The engine's containers, none of which runs. `cut` is how many follows break off before their first line is whole."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._held: dict[str, tuple[str, str, list[tuple[int, str]]]] = {}
        self.cut = 0
        engine.hooks["containers/json"] = self._list

    def put(self, id_: str, made: str, lines: list[tuple[int, str]], name: str = "app") -> None:
        """Make a container at a second of the engine's minute, with a fraction."""
        self._held[id_] = (name, f"2026-11-23T07:56:{made}Z", lines)
        self._engine.hooks[f"containers/{id_}/json"] = lambda request: self._inspect(id_, request)
        self._engine.hooks[f"containers/{id_}/logs"] = lambda request: self.log(request, lines[-1:])
        self._engine.hooks[f"containers/{id_}/logs?follow"] = lambda request: self._follow(request, lines)

    def remove(self, id_: str) -> None:
        del self._held[id_]

    def _list(self, request: Request) -> None:
        held = [(id_, name, nanoseconds(f"{made} ".encode())) for id_, (name, made, _) in self._held.items()]
        request.give([{"Id": id_, "Names": [f"/{name}"], "Created": (at or 0) // 10**9} for id_, name, at in held])

    def _inspect(self, id_: str, request: Request) -> None:
        if id_ not in self._held:
            return request.give({"message": "no such container"}, 404)
        state = {"Status": "exited", "StartedAt": self._held[id_][1], "ExitCode": 0}
        return request.give({**FakeEngine.inspected(), "Created": self._held[id_][1], "State": state})

    @staticmethod
    def log(request: Request, lines: list[tuple[int, str]]) -> None:
        request.begin()
        for number, text in lines:
            request.chunk(frame(number, text))
        request.chunk(b"")

    def _follow(self, request: Request, lines: list[tuple[int, str]]) -> None:
        if not self.cut:
            return self.log(request, lines)
        self.cut -= 1
        request.begin()
        request.wfile.write(b"40\r\n\1\0\0\0")  # a chunk of 64 bytes that is not all there
        return None


@pytest.fixture
def shelf(engine: FakeEngine) -> Shelf:
    return Shelf(engine)


@pytest.mark.parametrize(("old", "new"), [(A, B), (B, A)])
def test_containers_of_one_second_are_read_in_the_order_in_which_they_were_made(engine: FakeEngine, shelf: Shelf, old: str, new: str) -> None:
    """As compose leaves them when it is interrupted: none of the two goes away."""
    shelf.put(new, "04.700000000", [(9, "new")], "0123456789ab_app")
    shelf.put(old, "04.200000000", [(5, "old")])
    one, heard = source(engine, watch_seconds=0.05), Heard()

    async def tell() -> None:
        await until(lambda: heard.lines("s")[-1:] == ["new"])
        await looks(engine, 5)

    play(one, heard, tell)
    assert heard.lines("s") == ["old", "new"]
    assert one.status.reopened == {"recreated": 1}
    play(source(engine, watch_seconds=0.05), heard, lambda: looks(engine, 5))
    assert heard.lines("s") == ["old", "new"]
    assert heard.gaps() == []


@pytest.mark.parametrize(("old", "new"), [(A, B), (B, A)])
def test_a_container_of_the_same_second_as_the_one_that_was_removed_is_its_successor(engine: FakeEngine, shelf: Shelf, old: str, new: str) -> None:
    shelf.put(old, "04.200000000", [(5, "old")])
    one, heard = source(engine, watch_seconds=0.05), Heard()

    async def tell() -> None:
        await until(lambda: heard.lines("s") == ["old"])
        shelf.remove(old)
        shelf.put(new, "04.700000000", [(9, "new")])
        await until(lambda: heard.lines("s") == ["old", "new"])

    play(one, heard, tell)
    assert one.status.reopened == {"recreated": 1}


def test_what_a_cut_connection_kept_back_is_asked_for_again(engine: FakeEngine, shelf: Shelf) -> None:
    """Nothing will be written to this log any more, so that nothing else would bring it up."""
    shelf.put(A, "04.2", [(5, "last"), (6, "words")])
    shelf.cut = 3
    one, heard = source(engine), Heard()
    play(one, heard, lambda: until(lambda: heard.lines("s") == ["last", "words"] and heard.states()[-1] == "live"))
    assert shelf.cut == 0
    assert heard.states() == ["catching_up", "live"]
    assert heard.gaps() == []


def test_half_a_line_is_not_taken_for_the_last_words_of_a_program(engine: FakeEngine, shelf: Shelf) -> None:
    shelf.put(A, "04.2", [(5, "one"), (6, "last words")])
    answers = [["one\n", "last "], ["one\n", "last ", "words\n"]]

    def follow(request: Request) -> None:
        request.begin()
        for number, piece in zip((5, 6, 6), answers[0], strict=False):
            message = f"{STAMP.format(number)}{piece}".encode()
            request.chunk(struct.pack(">BxxxL", 1, len(message)) + message)
        if len(answers) == 1:
            return request.chunk(b"")
        del answers[0]
        return None

    engine.hooks[f"containers/{A}/logs?follow"] = follow
    one, heard = source(engine), Heard()
    play(one, heard, lambda: until(lambda: heard.lines("s")[-1:] == ["last words"]))
    assert heard.lines("s") == ["one", "last words"]


@pytest.mark.parametrize("successor", [True, False])
def test_lines_that_were_announced_and_are_removed_before_they_came_are_a_gap(engine: FakeEngine, shelf: Shelf, successor: bool) -> None:
    shelf.put(A, "04.2", [(5, "last"), (6, "words")])
    shelf.cut = 1_000_000
    one, heard = source(engine), Heard()

    async def tell() -> None:
        await until(lambda: engine.asked.count(f"containers/{A}/logs?follow") > 1)
        assert heard.states()[-1] == "catching_up", "it does not say that it has read what is there"
        shelf.cut = 0
        shelf.remove(A)
        if successor:
            shelf.put(B, "30.5", [(31, "new")])
        await until(lambda: heard.lines("s") == ["new"] if successor else heard.states()[-1] == "down")
        await looks(engine, 3)

    play(one, heard, tell)
    assert one.status.gaps == {"removed": 1}
    assert [(gap.reason, gap.start < at(5), gap.end > at(6)) for gap in heard.gaps()] == [("removed", True, True)]


def test_a_line_that_the_engine_announces_and_does_not_give_is_waited_for_no_longer_and_missed_in_the_end(engine: FakeEngine, shelf: Shelf) -> None:
    shelf.put(A, "04.2", [(5, "one"), (6, "two")])
    engine.hooks[f"containers/{A}/logs?follow"] = lambda request: Shelf.log(request, [(5, "one")])
    one, heard = source(engine, watch_seconds=0.05), Heard()

    async def tell() -> None:
        await until(lambda: "is not running" in one.status.note)
        follows = engine.asked.count(f"containers/{A}/logs?follow")
        await looks(engine, 3)
        assert engine.asked.count(f"containers/{A}/logs?follow") == follows
        assert heard.states()[-1] == "live"
        shelf.remove(A)
        shelf.put(B, "30.5", [(31, "new")])
        await until(lambda: heard.lines("s") == ["one", "new"])

    play(one, heard, tell)
    assert one.status.gaps == {"removed": 1}


def test_a_container_with_a_terminal_may_be_started_again_while_its_log_is_asked_for(engine: FakeEngine) -> None:
    starts = ["2026-11-23T07:56:04Z", "2026-11-23T07:56:30Z"]
    log = [f"{STAMP.format(5)}prompt> ", f"{STAMP.format(31)}again\r\n", f"{STAMP.format(32)}next\r\n"]

    def inspect(request: Request) -> None:
        state = {"Status": "exited", "StartedAt": starts.pop(0) if len(starts) > 1 else starts[0], "ExitCode": 0}
        request.give({**FakeEngine.inspected(), "State": state, "Config": {"Image": "app:1", "Tty": True}})

    engine.hooks[f"containers/{ID}/json"] = inspect
    engine.hooks[LOGS] = lambda request: request.give(log[-1].encode())
    engine.hooks[f"{LOGS}?follow"] = lambda request: request.give("".join(log).encode())
    one, heard = source(engine), Heard()
    play(one, heard, lambda: until(lambda: heard.lines("s")[-1:] == ["next"]))
    assert heard.lines("s") == ["prompt> ", "again", "next"]


def test_a_log_that_the_engine_cannot_read_to_its_end_stays_down(engine: FakeEngine, shelf: Shelf) -> None:
    shelf.put(A, "04.2", [(5, "one"), (6, "two")])

    def follow(request: Request) -> None:
        words = b"error reading: unexpected EOF\n"
        request.begin()
        request.chunk(struct.pack(">BxxxL", 3, len(words)) + words)
        request.chunk(b"")

    engine.hooks[f"containers/{A}/logs?follow"] = follow
    one, heard = source(engine, watch_seconds=0.05), Heard()

    async def tell() -> None:
        await until(lambda: one.status.note == 'the engine cannot read the log of "app": error reading: unexpected EOF')
        await until(lambda: engine.asked.count(f"containers/{A}/logs?follow") > 3)

    play(one, heard, tell)
    assert heard.states()[-1] == "down"


@pytest.mark.parametrize("start", ["beginning", "end"])
def test_a_name_that_comes_back_after_its_end_is_new_from_its_first_line(
    engine: FakeEngine, shelf: Shelf, start: Literal["beginning", "end"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was known of the one before: connwatch has seen it go, and nothing of it is missing."""
    monkeypatch.setattr("connwatch.sources.containerwatch.GONE_SECONDS", 0.1)
    shelf.put(A, "04.2", [(5, "old")], "app")
    shelf.put(B, "04.2", [(5, "of b")], "b")
    one, heard = several(engine, start), Heard()

    async def tell() -> None:
        await until(lambda: {"s/app", "s/b"} <= heard.cursors.keys())

    async def tell_on() -> None:
        known = len(heard.batches)
        await until(lambda: ("s/app", "live") in [(batch.stream, batch.state) for batch in heard.batches[known:]])
        shelf.remove(A)
        await until(lambda: [batch.stream for batch in heard.batches if batch.state == "ended"] == ["s/app"])
        shelf.put(C, "30.5", [(31, "first"), (32, "second")], "app")
        await until(lambda: heard.lines("s/app")[-2:] == ["first", "second"])

    play(one, heard, tell)
    one = several(engine, start)
    play(one, heard, tell_on)
    assert heard.gaps() == []
    assert one.status.gaps == {}


def test_a_name_that_comes_back_after_its_end_is_read_whole_where_nothing_was_stored_of_it(
    engine: FakeEngine, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connwatch.sources.containerwatch.GONE_SECONDS", 0.1)
    shelf.put(A, "04.2", [(5, "old")], "app")
    shelf.put(B, "04.2", [(5, "of b")], "b")
    one, heard = several(engine, "end"), Heard()

    async def tell() -> None:
        await until(lambda: {"s/app", "s/b"} <= heard.cursors.keys())
        shelf.remove(A)
        await until(lambda: "ended" in heard.states())
        shelf.put(C, "30.5", [(31, "first"), (32, "second")], "app")
        await until(lambda: heard.lines("s/app") == ["first", "second"])

    play(one, heard, tell)
    assert heard.lines("s/b") == []
    assert heard.gaps() == []


def test_a_place_in_the_future_is_left_and_what_was_passed_over_is_told(engine: FakeEngine) -> None:
    """The host's clock was far ahead when the last line was written."""
    engine.log += [(5, "one"), (6, "two")]
    one, heard = source(engine), Heard({"s": Place(ID, 1795420564, at=4_070_908_800_000_000_000).cursor()})
    play(one, heard, lambda: until(lambda: heard.lines("s")[-1:] == ["two"]))
    assert one.status.gaps == {"clock": 1}
    assert [(gap.reason, gap.start, round(gap.end)) for gap in heard.gaps()] == [("clock", 1795420564, round(at(6)))]


def test_lines_that_an_open_follow_withholds_because_the_clock_was_set_back_are_found(engine: FakeEngine) -> None:
    """The engine gives nothing that is older than what it was asked for."""
    engine.log.append((50, "ahead"))
    one, heard = source(engine, watch_seconds=0.1), Heard()

    async def tell() -> None:
        await until(lambda: heard.lines("s") == ["ahead"])
        engine.log += [(9, "withheld"), (10, "and found")]
        await until(lambda: heard.lines("s")[-1:] == ["and found"])

    play(one, heard, tell)
    assert one.status.gaps == {"clock": 1}
    assert [gap.reason for gap in heard.gaps()] == ["clock"]


def test_a_follow_that_has_gone_silent_is_opened_again(engine: FakeEngine) -> None:
    engine.log.append((5, "one"))
    one, heard = source(engine), Heard()

    async def tell() -> None:
        await until(lambda: heard.lines("s") == ["one"])
        engine.log.append((6, "two"))  # the open follow never says so
        await until(lambda: heard.lines("s") == ["one", "two"])

    play(one, heard, tell)
    assert one.status.reopened == {"silent": 1}
    assert one.status.duplicates == 1
    assert heard.gaps() == []
    assert "down" not in heard.states()


def test_an_idle_follow_is_left_alone(engine: FakeEngine) -> None:
    engine.log.append((5, "one"))
    one, heard = source(engine, watch_seconds=0.1), Heard()

    async def tell() -> None:
        await until(lambda: engine.asked.count(LOGS) > 5)

    play(one, heard, tell)
    assert engine.follows == 1


def test_a_connection_cut_in_the_middle_is_gone_on_with_in_silence(engine: FakeEngine) -> None:
    engine.log.append((5, "one"))
    one, heard = source(engine, watch_seconds=60), Heard()

    async def tell() -> None:
        await until(lambda: heard.lines("s") == ["one"])
        engine.log.append((6, "two"))
        engine.cut.set()
        await until(lambda: engine.follows >= 2)
        engine.cut.clear()
        await until(lambda: heard.lines("s") == ["one", "two"])

    play(one, heard, tell)
    assert one.status.reopened["failed"] == 0
    assert one.status.note == ""
    assert "down" not in heard.states()


def test_what_rotation_took_away_meanwhile_is_told(engine: FakeEngine) -> None:
    engine.log.append((5, "one"))
    one, heard = source(engine), Heard()

    async def tell() -> None:
        await until(lambda: heard.lines("s") == ["one"])
        engine.log[:] = [(9, "nine")]
        await until(lambda: heard.lines("s") == ["one", "nine"])

    play(one, heard, tell)
    assert [(gap.reason, round(gap.end - gap.start)) for gap in heard.gaps()] == [("rotation", 4)]
    assert one.status.gaps == {"rotation": 1}


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("containers/json", (b"forbidden", 403), "refuses GET /v1.41/containers/json (403): a socket proxy needs CONTAINERS=1 and EVENTS=1"),
        ("events", (b"forbidden", 403), "refuses GET /v1.41/events (403)"),
        (LOGS, (b"forbidden", 403), f"refuses GET /v1.41/{LOGS} (403)"),
        ("containers/json", ({"message": "out of order"}, 500), "answers GET /v1.41/containers/json with 500: out of order"),
        ("containers/json", (b"<html>", 200), "is no JSON: is it a container engine?"),
        ("containers/json", ([{"Id": 1}], 200), "gives as its list of containers is none"),
        ("events", (b'{"Action": 7}\n', 200), "gives as events is none"),
        (f"containers/{ID}/json", ([], 200), "gives as container"),
        ("version", ([], 200), "does not say which version of the engine's API it speaks"),
        (f"{LOGS}?follow", (b"<html><body>no log</body>", 200), 'gives as the log of "app" is no log'),
    ],
)
def test_an_answer_that_cannot_be_used_is_said(engine: FakeEngine, path: str, answer: tuple[object, int], told: str) -> None:
    engine.log.append((5, "one"))
    engine.hooks[path] = lambda request: request.give(*answer)
    one, heard = source(engine), Heard()

    async def tell() -> None:
        await until(lambda: told in one.status.note)
        assert one.status.state == "down"
        del engine.hooks[path]
        await until(lambda: heard.lines("s") == ["one"])
        await until(lambda: one.status.note == "")

    play(one, heard, tell)
    assert one.status.reopened["failed"] >= 1


def test_a_log_that_the_engine_cannot_read_is_down_until_it_can(engine: FakeEngine) -> None:
    engine.log.append((5, "one"))
    engine.hooks[LOGS] = lambda request: request.give({"message": "configured logging driver does not support reading"}, 501)
    one, heard = source(engine, watch_seconds=0.1), Heard()

    async def tell() -> None:
        await until(lambda: "does not support reading" in one.status.note)
        asked = len(engine.asked)
        await asyncio.sleep(0.3)  # so long, to see that it does not ask all the time
        assert len(engine.asked) - asked < 30
        del engine.hooks[LOGS]
        await until(lambda: heard.lines("s") == ["one"])

    play(one, heard, tell)
    assert heard.states()[0] == "down"
    assert one.status.note == ""


@pytest.mark.parametrize("path", ["version", "containers/json", f"containers/{ID}/json", f"{LOGS}?follow"])
def test_an_engine_that_never_answers_does_not_hold_up_the_end(engine: FakeEngine, path: str) -> None:
    engine.hooks[path] = lambda request: bool(engine.over.wait()) and None
    one, heard = source(engine), Heard()
    play(one, heard, lambda: until(lambda: path in engine.asked))  # `listening` sees to it that the end is prompt and nothing is left


def test_a_reader_that_is_slow_is_felt_by_the_engine(engine: FakeEngine) -> None:
    engine.log += [(5, "x" * 10_000)] * 5000
    one = source(engine)

    async def story() -> int:
        batches = one.stream({})
        try:
            async for batch in batches:
                if batch.data:
                    await asyncio.sleep(0.5)  # a sink that hangs
                    break
        finally:
            await batches.aclose()
        return one.status.bytes

    assert asyncio.run(story()) < 3_000_000


@pytest.mark.parametrize(
    ("name", "called"), [("/app", "app"), ("app", "app"), ("0123456789ab_shop-app-1", "shop-app-1"), ("/0123456789_app", "0123456789_app")]
)
def test_a_container_is_called_by_its_name_through_all_recreations(name: str, called: str) -> None:
    assert identity(name) == called


def test_a_choice_means_what_it_says() -> None:
    compose = {"com.docker.compose.project": "shop", "com.docker.compose.service": "app"}
    assert Choice("app").means("/app")
    assert not Choice("app").means("app2")
    assert Choice(project="shop", service="app").means("x", compose)
    assert not Choice(project="shop", service="app").means("x", {**compose, "com.docker.compose.project": "other"})
    assert Choice(label="a.b").means("x", {"a.b": ""})
    assert Choice(label="a.b=c").means("x", {"a.b": "c"})
    assert not Choice(label="a.b=c").means("x", {"a.b": "d"})


@pytest.mark.parametrize(("text", "size"), [("10m", 10 * 1024**2), ("1k", 1024), ("20MB", 20 * 1024**2), ("", None), ("-1", None), ("x", None)])
def test_the_size_at_which_a_log_rotates(text: str, size: int | None) -> None:
    inspected = FakeEngine.inspected()
    inspected["HostConfig"]["LogConfig"]["Config"] = {"max-size": text}
    assert Facts.of(inspected).rotates_at == size


@pytest.mark.parametrize(
    ("status", "began", "ended", "restart"),
    [
        ("running", "1970-01-01T00:00:09.5Z", "1970-01-01T00:00:07.000000001Z", Restart(7_000_000_001, 9_500_000_000)),
        ("exited", "1970-01-01T00:00:09.5Z", "1970-01-01T00:00:10Z", Restart(8_500_000_000, 9_500_000_000)),  # that is how this run ended
        ("exited", "1970-01-01T00:00:09.5Z", "1970-01-01T00:00:09.4Z", Restart(8_500_000_000, 9_500_000_000)),  # and it was short
        ("running", "1970-01-01T00:00:09.5Z", None, Restart(8_500_000_000, 9_500_000_000)),
        ("created", "", "", None),
    ],
)
def test_when_a_container_was_last_started_again(status: str, began: str, ended: str | None, restart: Restart | None) -> None:
    inspected = FakeEngine.inspected()
    inspected["State"].update(Status=status, StartedAt=began, FinishedAt=ended)
    assert Facts.of(inspected).restart == restart


def test_an_address_that_is_none_is_refused_for_good() -> None:
    with pytest.raises(SourceError, match="use unix://, tcp:// or ssh://") as caught:
        make_dialler("docker.example.org")
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:99999", "Port out of range 0-65535"),
        ("tcp://engine:docker", "Port could not be cast to integer value as 'docker'"),
        ("ssh://somebody@far.example.org:99999", "Port out of range 0-65535"),
        ("tcp://[::1", "Invalid IPv6 URL"),
        (f"tcp://{'a' * 70}.example.org:2375", "between its dots a host's name has 1 to 63 letters"),
        ("tcp://far..example.org", "between its dots a host's name has 1 to 63 letters"),
        (f"unix:///run/{'a' * 108}", "a socket's path has at most 107 bytes"),
    ],
)
def test_an_address_that_cannot_be_asked_is_said_to_be_none_before_anybody_is(address: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = f'"{address}" is no address of a container engine ({reason}): write unix:///path, tcp://host:port or ssh://user@host'
    for word, link in (("host", Link(address)), ("DOCKER_HOST", Link())):
        monkeypatch.setenv("DOCKER_HOST", address)
        with pytest.raises(SourceError) as caught:
            asyncio.run(link.open())
        assert str(caught.value) == f"{word}: {told}"
        assert not caught.value.transient


def test_ssh_gets_no_option_from_an_address() -> None:
    dialler = make_dialler("ssh://someone@far.example.org:2222")
    assert isinstance(dialler, Ssh)
    assert dialler._command[-5:] == ("-p", "2222", "--", "someone@far.example.org", "docker system dial-stdio")
