"""Sources in a running loop: what the contract promises, with real files and real pipes. A poll of an hour proves that the alarm rings."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from connwatch.model.errors import ConfigError, SourceError
from connwatch.settings.following import DockerSource as DockerSettings
from connwatch.settings.following import FileSource as FileSettings
from connwatch.settings.following import JournaldSource as JournaldSettings
from connwatch.settings.following import SshSource as SshSettings
from connwatch.settings.following import StdinSource as StdinSettings
from connwatch.sources.alarm import Alarm, Inotify, Patient, Watchfiles
from connwatch.sources.file import FileSource
from connwatch.sources.intake import Intake
from connwatch.sources.source import EVERY_STREAM, Arrival, Batch
from connwatch.sources.stdin import StdinSource
from connwatch.sources.table import SOURCES, make_sources
from support.live import until

HOUR = 3600.0


class Heard:
    """What a source has given so far."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def text(self, stream: str) -> str:
        return b"".join(batch.data for batch in self.batches if batch.stream == stream).decode()

    def state(self, stream: str) -> str | None:
        return next((batch.state for batch in reversed(self.batches) if batch.stream == stream), None)


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, not paths


def play(stream: AsyncGenerator[Batch, None], tell: Callable[[Heard], Awaitable[None]]) -> None:
    """Read the stream while the story is told; then cancel it, and nothing may be left open."""
    before = open_files()

    async def story() -> None:
        heard = Heard()

        async def read() -> None:
            async for batch in stream:
                heard.batches.append(batch)

        reading = asyncio.create_task(read())
        try:
            await asyncio.wait_for(tell(heard), 15)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await stream.aclose()

    asyncio.run(story())
    give_up = time.monotonic() + 3
    while not open_files() <= before:  # watchfiles closes its own in a thread, a moment later
        assert time.monotonic() < give_up, "something was left open"
        time.sleep(0.01)


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize("alarm", [Inotify, lambda: Watchfiles(10)], ids=["inotify", "watchfiles"])
def test_an_alarm_wakes_the_reader_for_lines_rotation_and_a_file_that_appears(tmp_path: Path, alarm: Callable[[], Alarm]) -> None:
    path = tmp_path / "a.log"

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.state("a") == "down")
        await asyncio.sleep(0.15)  # watchfiles begins to watch in a thread of its own
        add(path, "1\n")
        await until(lambda: heard.text("a") == "1\n")
        assert heard.state("a") == "live"
        add(path, "2\n")
        await until(lambda: heard.text("a") == "1\n2\n")
        path.rename(tmp_path / "a.log.1")
        add(path, "3\n")
        await until(lambda: heard.text("a") == "1\n2\n3\n")

    play(FileSource("a", str(path), poll_seconds=HOUR, alarm=alarm).stream({}), tell)


def test_without_an_alarm_polling_finds_everything_too(tmp_path: Path) -> None:
    path = tmp_path / "a.log"

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.state("a") == "down")
        add(path, "1\n")
        await until(lambda: heard.text("a") == "1\n")

    play(FileSource("a", str(path), poll_seconds=HOUR, alarm=lambda: Patient(0.02)).stream({}), tell)


def test_a_link_to_a_file_elsewhere_is_woken_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.log", tmp_path / "a.log"
    target.touch()
    link.symlink_to(target)

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.state("a") == "live")
        add(target, "1\n")
        await until(lambda: heard.text("a") == "1\n")

    play(FileSource("a", str(link), poll_seconds=HOUR).stream({}), tell)


def test_the_backlog_has_no_reading_time_and_live_lines_have_one(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    add(path, "old\n")

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.text("a") == "old\n")
        add(path, "new\n")
        await until(lambda: heard.text("a") == "old\nnew\n")
        assert [batch.seen_at for batch in heard.batches if batch.data] == [None, 42.0]

    play(FileSource("a", str(path), start="beginning", now=lambda: 42.0).stream({}), tell)


def test_a_backlog_is_told_as_catching_up_until_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 99 * 1000 + b"\n" + b"y\n" * 100_000)

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.state("a") == "live")
        assert heard.batches[0].state == "catching_up"
        assert len(heard.text("a")) == path.stat().st_size

    play(FileSource("a", str(path), start="beginning").stream({}), tell)


def test_a_pattern_gives_each_file_a_stream_and_knows_its_rotated_generations(tmp_path: Path) -> None:
    add(tmp_path / "one.log", "1\n")
    add(tmp_path / "old.log.gz", "compressed\n")

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.text("app/one.log") == "1\n")
        add(tmp_path / "two.log", "a\n")
        await until(lambda: heard.text("app/two.log") == "a\n")
        (tmp_path / "one.log").rename(tmp_path / "one.log.1")
        add(tmp_path / "one.log", "2\n")
        await until(lambda: heard.text("app/one.log") == "1\n2\n")
        assert {batch.stream for batch in heard.batches} == {"app/one.log", "app/two.log"}

    play(FileSource("app", str(tmp_path / "*.log*"), start="beginning", poll_seconds=0.05).stream({}), tell)


def test_a_pattern_without_a_file_is_down_and_says_so(tmp_path: Path) -> None:
    source = FileSource("app", str(tmp_path / "*.log"), poll_seconds=0.05)

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.state(EVERY_STREAM) == "down")
        assert "nothing matches" in source.status.note
        add(tmp_path / "one.log", "1\n")
        await until(lambda: heard.text("app/one.log") == "1\n")

    play(source.stream({}), tell)


def test_a_restarted_source_goes_on_after_its_cursor(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    add(path, "1\n2\nhal")
    cursors: dict[str, str] = {}

    async def first(heard: Heard) -> None:
        await until(lambda: heard.text("a") == "1\n2\n")
        cursors["a"] = next(batch.cursor for batch in reversed(heard.batches) if batch.cursor)

    async def second(heard: Heard) -> None:
        await until(lambda: heard.text("a") == "half\n")

    play(FileSource("a", str(path), start="beginning").stream({}), first)
    add(path, "f\n")
    play(FileSource("a", str(path)).stream(cursors), second)


def test_logs_that_are_gone_cost_a_pass_no_look_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path / "there.log", "1\n")
    gone = {f"app/gone-{number}.log": '{"files": []}' for number in range(100)}
    looks: list[object] = []
    for name in ("scandir", "listdir"):
        look = getattr(os, name)
        monkeypatch.setattr(os, name, lambda folder, look=look: (looks.append(folder), look(folder))[1])

    async def tell(heard: Heard) -> None:
        await until(lambda: heard.text("app/there.log") == "1\n")
        looks.clear()
        add(tmp_path / "there.log", "2\n")
        await until(lambda: heard.text("app/there.log") == "1\n2\n")
        assert len(looks) <= 6  # two in a pass: the pattern, and what has come beside

    play(FileSource("app", str(tmp_path / "*.log"), start="beginning", poll_seconds=HOUR).stream(gone), tell)


def test_a_log_that_was_away_at_the_start_goes_on_where_it_stood_when_it_is_back(tmp_path: Path) -> None:
    logs, away = tmp_path / "logs", tmp_path / "away"
    logs.mkdir()
    cursors: dict[str, str] = {}
    for name in "abc":
        add(logs / f"{name}.log", f"{name}1\n")

    async def first(heard: Heard) -> None:
        await until(lambda: {heard.state(f"app/{name}.log") for name in "abc"} == {"live"})
        cursors.update({batch.stream: batch.cursor for batch in heard.batches if batch.cursor})

    async def second(heard: Heard) -> None:
        await until(lambda: heard.text("app/a.log") == "a2\n")
        (away / "b.log").rename(logs / "b.log")
        (away / "c.log").rename(logs / "c.log.1")  # what rotation has made of it
        await until(lambda: (heard.text("app/b.log"), heard.text("app/c.log")) == ("b2\n", "c2\n"))

    play(FileSource("app", str(logs / "*.log"), start="beginning").stream({}), first)
    away.mkdir()
    for name in "abc":
        add(logs / f"{name}.log", f"{name}2\n")
    for name in "bc":
        (logs / f"{name}.log").rename(away / f"{name}.log")
    play(FileSource("app", str(logs / "*.log"), poll_seconds=0.05).stream(cursors), second)


def test_a_directory_is_an_error_that_trying_again_cannot_heal(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(SourceError) as caught:
            await anext(FileSource("a", str(tmp_path)).stream({}))
        assert not caught.value.transient

    asyncio.run(story())


def test_a_pipe_is_read_as_it_comes_and_ends_with_its_writer() -> None:
    source, sink = os.pipe()

    async def story() -> list[Batch]:
        heard: list[Batch] = []

        async def read() -> None:
            async for batch in StdinSource(fd=source, quiet_seconds=0.02).stream({}):
                heard.append(batch)  # noqa: PERF401 - it is looked at meanwhile

        reading = asyncio.create_task(read())
        os.write(sink, b"half a li")
        await until(lambda: len(heard) == 2)
        os.write(sink, b"ne\n")
        await until(lambda: len(heard) == 4)
        os.close(sink)
        await reading
        return heard

    heard = asyncio.run(asyncio.wait_for(story(), 10))
    os.close(source)
    assert [(batch.data, batch.state) for batch in heard] == [
        (b"", "catching_up"),
        (b"", "live"),
        (b"half a line\n", "catching_up"),
        (b"", "live"),
    ]
    assert heard[0].seen_at is None
    assert heard[2].seen_at is not None


def test_a_redirected_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"line\n" * 50_000)

    async def story() -> bytes:
        with (tmp_path / "log").open("rb") as file:
            return b"".join([batch.data async for batch in StdinSource(fd=file.fileno()).stream({})])

    assert asyncio.run(story()) == b"line\n" * 50_000


def test_a_reload_in_the_middle_of_a_line_of_standard_input_loses_nothing() -> None:
    async def story() -> bytes:
        read, write = os.pipe()
        seen = b""
        try:
            for text in (b"one\ntw", b"o\nthr"):
                batches = StdinSource(fd=read).stream({})
                os.write(write, text)
                seen += (await anext(batches)).data
                await batches.aclose()
            os.write(write, b"ee")
            os.close(write)
            return seen + b"".join([batch.data async for batch in StdinSource(fd=read).stream({})])
        finally:
            os.close(read)

    assert asyncio.run(story()) == b"one\ntwo\nthree"


def test_who_is_cancelled_while_it_waits_has_handed_its_batch_over() -> None:
    async def story() -> int:
        intake = Intake(lambda _: None, pending=2)
        source = StdinSource(fd=0)
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(intake.put(Arrival(source, Batch("-", b"line\n", None, "live"))), 0.05)
        return intake.count

    assert asyncio.run(story()) == 2


def test_standard_input_that_is_closed_is_an_error_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it behind `<&-`
    with pytest.raises(ConfigError, match=r"^app: standard input is closed \(pipe a log into"):
        StdinSource("app")
    StdinSource("app", fd=0)


def test_a_command_whose_standard_input_is_closed_ends_as_one_that_is_called_wrongly() -> None:
    done = subprocess.run(["sh", "-c", '"$0" -m connwatch tail - <&-', sys.executable], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("connwatch: -: standard input is closed")


def test_every_kind_in_the_table_is_made_from_its_settings(tmp_path: Path) -> None:
    settings = [
        FileSettings(name="a", kind="file", path=tmp_path / "x", format="nginx-proxy"),
        StdinSettings(name="b", kind="stdin"),
        DockerSettings(name="c", kind="docker", container="nginx-proxy", format="nginx-proxy"),
        SshSettings(name="d", kind="ssh", host="h", container="nginx-proxy"),
        JournaldSettings(name="e", kind="journald", unit="coda-mcp.service"),
    ]
    made = make_sources(settings)
    assert [(source.name, source.format, source.expected) for source in made] == [
        ("a", "nginx-proxy", ("a",)),
        ("b", "auto", ("b",)),
        ("c", "nginx-proxy", ("c",)),
        *((name, "auto", (name,)) for name in "de"),
    ]
    assert {one.kind for one in settings} == set(SOURCES)


def test_only_the_configured_kinds_are_imported() -> None:
    code = (
        "import sys; from connwatch.settings.following import FileSource; from connwatch.sources.table import SOURCES, make_sources\n"
        "make_sources([FileSource(name='a', kind='file', path='/var/log/a.log')])\n"
        "print(sorted(f'connwatch.sources.{kind}' for kind in SOURCES if f'connwatch.sources.{kind}' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "['connwatch.sources.file']"
