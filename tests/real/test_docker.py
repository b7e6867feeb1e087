"""Containers on a real engine, stopped, killed, replaced and rotated beneath the source: every line once, in order, or a gap that is told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from connwatch.sources.containers import Choice
from connwatch.sources.docker import DockerSource
from support.dockerd import HAPROXY, IMAGE, NEWER, Dockerd, dockerd, missing, newer_missing, socket_proxy
from support.listening import Heard, listening
from support.live import until

pytestmark = [pytest.mark.real, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

NUMBERS = "i=0; while [ $i -lt {count} ]; do i=$((i+1)); echo out $i; echo err $i >&2; usleep 15000; done; "
FOREVER = NUMBERS.format(count=100000)


@pytest.fixture(scope="module")
def engines() -> Iterator[Callable[[bool], Dockerd]]:
    """The engine of this system, or the newer one: started when first asked for."""
    with contextlib.ExitStack() as running:

        @cache
        def start(newer: bool) -> Dockerd:
            engine = running.enter_context(dockerd(NEWER if newer else None))
            major = int(engine.docker("version", "-f", "{{.Server.Version}}").split(".")[0])
            assert major >= 26 or not newer
            return engine

        yield start


#: For what an engine may do in its own way. The rest is tried on this system's engine alone.
BOTH = pytest.mark.parametrize(
    "clean",
    [False, pytest.param(True, marks=pytest.mark.skipif(newer_missing() is not None, reason=str(newer_missing())))],
    ids=["system's", "newer"],
    indirect=True,
)


@pytest.fixture
def clean(request: pytest.FixtureRequest, engines: Callable[[bool], Dockerd]) -> Iterator[Dockerd]:
    engine = engines(getattr(request, "param", False))
    yield engine
    for container in engine.docker("ps", "-aq").split():
        engine.docker("rm", "-f", container)


@pytest.fixture(params=["socket", "proxy"])
def address(request: pytest.FixtureRequest, clean: Dockerd) -> Iterator[str]:
    if request.param == "socket":
        yield clean.host
    elif HAPROXY is None:
        pytest.skip("no haproxy here (apt-get install haproxy)")
    else:
        with socket_proxy(clean, idle=2) as proxy:
            yield proxy


def source(host: str, choice: Choice | str = "app", **options: object) -> DockerSource:
    chosen = Choice(choice) if isinstance(choice, str) else choice
    return DockerSource("s", chosen, host=host, watch_seconds=1.0, **options)


def play(one: DockerSource, heard: Heard, tell: Callable[[], Awaitable[None]]) -> None:
    async def story() -> None:
        async with listening(one, heard):
            await asyncio.wait_for(tell(), 60)

    before = open_files()
    asyncio.run(story())
    assert open_files() <= before, "something was left open"


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, not paths


def runs(lines: list[str], channel: str) -> list[list[int]]:
    """The numbers of one channel, cut where counting begins again. Any hole or repetition is an error."""
    found: list[list[int]] = []
    for line in lines:
        word, number = line.split()
        if word != channel:
            continue
        if number == "1":
            found.append([])
        assert int(number) == len(found[-1]) + 1, f"{channel} {number} came after {found[-1][-1:]} in run {len(found)}"
        found[-1].append(int(number))
    return found


async def in_thread(work: Callable[..., object], *arguments: object) -> str:
    return str(await asyncio.to_thread(work, *arguments))


async def grows(heard: Heard, stream: str = "s") -> None:
    count = len(heard.lines(stream))
    await until(lambda: len(heard.lines(stream)) > count + 10, 30)


@BOTH
def test_every_line_comes_once_whatever_happens_to_the_container(clean: Dockerd, address: str, caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    one = source(address)

    async def tell() -> None:
        await until(lambda: heard.states() == ["down"])
        assert one.status.note == 'there is no container "app"'
        await in_thread(clean.run, "app", FOREVER)
        await grows(heard)
        for command in (["restart", "-t", "0", "app"], ["stop", "-t", "0", "app"], ["start", "app"], ["kill", "app"], ["start", "app"]):
            await in_thread(clean.docker, *command)
            if command[0] not in ("stop", "kill"):
                await grows(heard)
        await in_thread(clean.docker, "pause", "app")
        await in_thread(clean.docker, "unpause", "app")
        await grows(heard)
        held = (await in_thread(clean.docker, "logs", "app")).splitlines()[-1]
        await in_thread(clean.docker, "rm", "-f", "app")
        await until(lambda: heard.states()[-1] == "down")
        assert held in heard.lines("s")
        await in_thread(clean.run, "app", NUMBERS.format(count=30) + "sleep 3")
        await until(lambda: heard.lines("s")[-1:] in (["out 30"], ["err 30"]) and len(runs(heard.lines("s"), "out")) == 5, 20)
        await until(lambda: heard.marks()[-1] == "died", 20)
        await until(lambda: "is not running (exited, exit status 0)" in one.status.note)
        await in_thread(clean.docker, "rm", "app")
        await until(lambda: heard.marks()[-1] == "removed")

    play(one, heard, tell)
    for channel in ("out", "err"):
        numbers = runs(heard.lines("s"), channel)
        assert len(numbers) == 5
        assert numbers[-1][-1] == 30
    marks = sorted((mark.at, mark.what) for batch in heard.batches for mark in batch.marks)
    assert [what for _, what in marks if what != "stopped"] == [
        *("started", "died", "started", "died", "started", "died", "started", "paused", "resumed", "died", "removed"),
        *("replaced", "started", "died", "removed"),
    ]
    assert heard.marks().count("stopped") == 2
    assert heard.gaps() == []
    assert one.status.reopened["failed"] == 0
    assert one.status.reopened["recreated"] == 1
    assert [batch.state for batch in heard.batches if not batch.stream] == [], "the engine was never out of reach"
    assert caplog.records == []


def test_an_idle_stream_that_the_proxy_cuts_goes_on_without_a_word(clean: Dockerd) -> None:
    if HAPROXY is None:
        pytest.skip("no haproxy here (apt-get install haproxy)")
    heard = Heard()

    async def tell() -> None:
        await in_thread(clean.run, "app", "echo 1; sleep 5; echo 2; sleep 3; echo 3; sleep 100")
        await until(lambda: heard.lines("s") == ["1", "2", "3"], 30)

    with socket_proxy(clean, idle=2) as proxy:
        one = source(proxy, start="beginning")
        play(one, heard, tell)
    assert one.status.reopened["cut"] >= 2
    assert one.status.reopened["failed"] == 0
    first_live = heard.states().index("live")
    assert "down" not in heard.states()[first_live:]
    assert one.status.note == ""


@BOTH
def test_reading_goes_on_where_it_was_cancelled(clean: Dockerd) -> None:
    heard = Heard()
    clean.run("app", FOREVER)
    for _ in range(5):
        play(source(clean.host, start="beginning"), heard, lambda: grows(heard))
        time.sleep(0.1)  # lines that nobody reads
    clean.docker("rm", "-f", "app")
    for channel in ("out", "err"):
        assert len(runs(heard.lines("s"), channel)) == 1
    assert heard.gaps() == []


@BOTH
def test_a_container_that_was_replaced_while_nobody_looked_is_told_as_a_gap(clean: Dockerd) -> None:
    heard = Heard()
    clean.run("app", FOREVER)
    play(source(clean.host, start="beginning"), heard, lambda: grows(heard))
    clean.docker("rm", "-f", "app")
    clean.run("app", NUMBERS.format(count=20) + "sleep 100")

    async def tell() -> None:
        await until(lambda: all(runs(heard.lines("s"), channel)[1:] == [list(range(1, 21))] for channel in ("out", "err")), 20)

    play(source(clean.host), heard, tell)
    assert len(runs(heard.lines("s"), "out")) == 2
    assert [gap.reason for gap in heard.gaps()] == ["removed"]
    assert heard.marks()[-1] == "replaced"


@BOTH
def test_the_start_at_the_end_leaves_what_was_there(clean: Dockerd) -> None:
    heard = Heard()
    clean.run("app", "echo old; while [ ! -e /go ]; do usleep 20000; done; echo new; sleep 100")
    one = source(clean.host)

    async def tell() -> None:
        await until(lambda: heard.states()[-1:] == ["live"])
        await in_thread(clean.docker, "exec", "app", "sh", "-c", "echo > /go")
        await until(lambda: heard.lines("s") != [])

    play(one, heard, tell)
    assert heard.lines("s") == ["new"]
    assert [batch.seen_at is not None for batch in heard.batches if batch.data] == [True]


@BOTH
def test_a_container_that_dies_again_and_again_loses_no_run(clean: Dockerd) -> None:
    heard = Heard()
    one = source(clean.host)

    async def tell() -> None:
        await until(lambda: heard.states() == ["down"])
        await in_thread(clean.run, "app", NUMBERS.format(count=3) + "exit 3", "--restart", "always")
        await until(lambda: len(runs(heard.lines("s"), "out")) >= 4, 40)

    play(one, heard, tell)
    assert all(len(run) == 3 for channel in ("out", "err") for run in runs(heard.lines("s"), channel)[:3])
    died = [mark for batch in heard.batches for mark in batch.marks if mark.what == "died"]
    assert {mark.detail for mark in died} == {"exit status 3"}
    assert len(heard.states()) < 20, "no flicker"


@BOTH
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_engine_that_goes_and_comes_back_is_waited_for(clean: Dockerd, how: str) -> None:
    heard = Heard()
    one = source(clean.host)

    async def tell() -> None:
        await until(lambda: heard.states() == ["down"])
        await in_thread(clean.run, "app", FOREVER, "--restart", "always")
        await grows(heard)
        await in_thread(getattr(clean, how))
        await until(lambda: one.status.note.startswith("no container engine answers"))
        await in_thread(clean.start)
        await until(lambda: len(runs(heard.lines("s"), "out")) == 2, 30)
        await grows(heard)
        await in_thread(clean.docker, "rm", "-f", "app")
        await until(lambda: heard.marks()[-1] == "removed")

    play(one, heard, tell)
    assert len(runs(heard.lines("s"), "err")) == 2
    assert heard.gaps() == []
    assert one.status.reopened["failed"] >= 1


def test_an_engine_that_is_not_there_yet_is_waited_for(clean: Dockerd) -> None:
    heard = Heard()
    link = clean.folder / "later.sock"
    one = source(f"unix://{link}", start="beginning")
    clean.run("app", "echo 1; sleep 100")

    async def tell() -> None:
        await until(lambda: one.status.note == f"no container engine answers at unix://{link}: No such file or directory")
        link.symlink_to(clean.socket)
        await until(lambda: heard.lines("s") == ["1"], 20)

    try:
        play(one, heard, tell)
    finally:
        link.unlink(missing_ok=True)


@BOTH
@pytest.mark.parametrize("terminal", [False, True], ids=["frames", "terminal"])
def test_long_lines_and_last_words_come_whole(clean: Dockerd, terminal: bool) -> None:
    heard = Heard()
    script = "echo begin; head -c 40000 /dev/zero | tr '\\0' x; echo; echo middle; head -c 32768 /dev/zero | tr '\\0' y; echo; echo -n last words"

    async def tell() -> None:
        await until(lambda: heard.states() == ["down"])
        await in_thread(clean.run, "app", script, *(["-t"] if terminal else []))
        await until(lambda: heard.lines("s")[-1:] == ["last words"], 20)
        await in_thread(clean.docker, "start", "app")
        await until(lambda: heard.lines("s").count("last words") == 2, 20)

    play(source(clean.host), heard, tell)
    assert heard.lines("s") == ["begin", "x" * 40000, "middle", "y" * 32768, "last words"] * 2


@BOTH
@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_a_stamp_in_a_terminals_line_makes_no_line_of_its_rest(clean: Dockerd, driver: str) -> None:
    """And last words that nobody read in time end where their run did."""
    heard = Heard()
    clean.run("app", "echo begin 2099-01-01T00:00:00.000000000Z forged; echo -n last words", "-t", "--log-driver", driver)
    clean.docker("wait", "app")
    clean.docker("start", "app")
    clean.docker("wait", "app")
    twice = ["begin 2099-01-01T00:00:00.000000000Z forged", "last words"] * 2
    play(source(clean.host, start="beginning"), heard, lambda: until(lambda: len(heard.lines("s")) >= len(twice), 20))
    assert heard.lines("s") == twice


@BOTH
def test_a_driver_that_keeps_nothing_is_said_and_waited_out(clean: Dockerd) -> None:
    heard = Heard()
    one = source(clean.host)

    async def tell() -> None:
        await in_thread(clean.run, "app", "echo 1; sleep 100", "--log-driver", "none")
        await until(lambda: 'its log driver is "none"' in one.status.note)
        assert heard.states()[-1] == "down"
        await in_thread(clean.docker, "rm", "-f", "app")
        await in_thread(clean.run, "app", "echo 2; sleep 100", "--log-driver", "local")
        await until(lambda: heard.lines("s") == ["2"], 20)
        assert one.status.note == ""

    play(one, heard, tell)


@BOTH
def test_a_rotation_that_is_faster_than_the_reader_is_told(clean: Dockerd) -> None:
    heard = Heard()
    began = time.time()
    script = "seq 1 400; while [ ! -e /go ]; do usleep 20000; done; seq 401 3000; sleep 100"
    clean.run("app", script, "--log-opt", "max-size=20k", "--log-opt", "max-file=2")
    play(source(clean.host, start="beginning"), heard, lambda: until(lambda: heard.lines("s")[-1:] == ["400"]))
    clean.docker("exec", "app", "sh", "-c", "echo > /go")
    one = source(clean.host)

    async def tell() -> None:
        await until(lambda: heard.lines("s")[-1:] == ["3000"], 20)

    play(one, heard, tell)
    gap = heard.gaps()[-1]
    assert gap.reason == "rotation"
    assert began < gap.start < gap.end < time.time()
    assert set(one.status.gaps) == {"rotation"}  # where two things show the same hole, it counts as two


@BOTH
def test_a_follow_that_cannot_keep_up_with_rotation_is_found_out(clean: Dockerd) -> None:
    heard = Heard()
    one = source(clean.host)
    script = "echo begin; while [ ! -e /go ]; do usleep 20000; done; i=0; while [ $i -lt 300 ]; do i=$((i+1)); seq 1 2000; done; echo end; sleep 1000"

    async def tell() -> None:
        await until(lambda: heard.states() == ["down"])
        await in_thread(clean.run, "app", script, "--log-opt", "max-size=100k", "--log-opt", "max-file=2")
        await until(lambda: heard.lines("s") == ["begin"])
        await in_thread(clean.docker, "exec", "app", "sh", "-c", "echo > /go")
        await until(lambda: any(b" end\n" in batch.data for batch in heard.batches), 50)
        with contextlib.suppress(AssertionError):  # it may be told a moment after the last line
            await until(lambda: one.status.gaps["rotation"] >= 1, 5)

    play(one, heard, tell)
    lost = 600_002 - len({line for batch in heard.batches for line in batch.data.splitlines()})
    if lost > 60_000:  # a few lines may slip through between two looks
        assert one.status.gaps["rotation"] >= 1, f"{lost} lines are missing and nobody said so"
    for gap in heard.gaps():
        assert gap.start < gap.end


@BOTH
def test_a_label_may_mean_several_containers_and_a_service_keeps_its_name(clean: Dockerd) -> None:
    heard = Heard()
    one = source(clean.host, Choice(label="connwatch.format=x"))

    async def tell() -> None:
        await until(lambda: one.status.note == 'there is no container with the label "connwatch.format=x"')
        for name in ("a", "b"):
            await in_thread(clean.run, f"app-{name}", f"echo {name}; sleep 100", "-l", "connwatch.format=x")
        await in_thread(clean.run, "other", "echo other; sleep 100", "-l", "connwatch.format=y")
        await until(lambda: heard.lines("s/app-a") == ["a"] and heard.lines("s/app-b") == ["b"])
        # as compose replaces a container
        old = (await in_thread(clean.docker, "inspect", "-f", "{{.Id}}", "app-a"))[:12]
        options = ("--name", f"{old}_app-a", "--network", "none", "-l", "connwatch.format=x")
        await in_thread(clean.docker, "create", *options, IMAGE, "sh", "-c", "echo c")
        await in_thread(clean.docker, "rm", "-f", "app-a")
        await in_thread(clean.docker, "rename", f"{old}_app-a", "app-a")
        await in_thread(clean.docker, "start", "app-a")
        await until(lambda: heard.lines("s/app-a") == ["a", "c"])

    play(one, heard, tell)
    assert {batch.stream for batch in heard.batches} == {"", "s/app-a", "s/app-b"}


def test_an_engine_behind_ssh_is_reached_through_the_systems_ssh(clean: Dockerd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ssh program is a stand-in that runs the command here; the command on the other side is docker's own."""
    stand_in = tmp_path / "ssh"
    stand_in.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\n[ "$2" = somebody@far.example.org ] || exit 255\nexec sh -c "$3"\n')
    stand_in.chmod(0o755)
    docker = shutil.which("docker")
    assert docker
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(docker).parent}:/usr/bin:/bin")
    monkeypatch.setenv("DOCKER_HOST", clean.host)
    heard = Heard()

    async def tell() -> None:
        await in_thread(clean.run, "app", NUMBERS.format(count=20) + "sleep 100")
        await until(lambda: len(heard.lines("s")) == 40, 20)

    play(source("ssh://somebody@far.example.org", start="beginning"), heard, tell)
    assert runs(heard.lines("s"), "err") == [list(range(1, 21))]
