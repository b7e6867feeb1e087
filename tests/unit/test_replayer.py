"""The order in which finished inputs reach the engine. The stand-in engine reads `SECONDS text` lines and writes down what it was told."""

from __future__ import annotations

from pathlib import Path

from connwatch.model.change import Change
from connwatch.model.errors import SourceError
from connwatch.replayer import replay
from connwatch.sources.finished import Finished


class Tape:
    """An engine that only remembers."""

    def __init__(self) -> None:
        self.fronts: dict[str, float | None] = {}
        self.said: list[str] = []
        self.bytes: dict[str, int] = {}
        self.watermarks: list[float] = []
        self.late = 0

    def open_source(self, name: str, format: str = "auto") -> None:  # noqa: A002
        self.fronts[name] = None
        self.bytes[name] = 0
        self.said.append(f"open {Path(name).name} {format}")

    def feed(self, source: str, block: bytes, seen_at: float | None = None) -> None:
        self.bytes[source] += len(block)
        self.said.append(f"feed {Path(source).name}")
        for line in block.split(b"\n"):
            stamp = line.split(b" ")[0]
            if stamp.isdigit() and len(stamp) == 6:
                if self.watermarks and int(stamp) < self.watermarks[-1]:
                    self.late += 1
                self.fronts[source] = max(self.fronts[source] or 0, int(stamp))

    def frontier(self, source: str) -> float | None:
        return self.fronts[source]

    def end_source(self, source: str) -> None:
        self.said.append(f"end {Path(source).name}")

    def advance(self, watermark: float) -> list[Change]:
        self.watermarks.append(watermark)
        return []

    def finish(self) -> list[Change]:
        self.said.append("finish")
        return []


def a_log(path: Path, first: int, last: int, padding: int = 600) -> str:
    path.write_text("".join(f"{second:06d} {'x' * padding}\n" for second in range(first, last)))
    return str(path)


def play(*names: str) -> tuple[Tape, list[str]]:
    tape, problems = Tape(), []
    inputs = [Finished(name) for name in names]
    for one in inputs:
        one.open()

    def note(error: SourceError) -> None:
        problems.append(str(error))

    for _ in replay(tape, inputs, lateness=2.0, on_problem=note):
        pass
    return tape, problems


def test_two_logs_are_merged_by_time_and_no_line_is_late(tmp_path: Path) -> None:
    tape, problems = play(a_log(tmp_path / "a.log", 100_000, 103_000), a_log(tmp_path / "b.log", 101_000, 104_000))
    assert problems == []
    assert tape.late == 0
    assert tape.watermarks == sorted(tape.watermarks)
    assert tape.watermarks[-1] >= 103_997
    assert tape.said[-1] == "finish"


def test_a_log_that_begins_earlier_is_not_made_late_by_the_one_named_first(tmp_path: Path) -> None:
    tape, _ = play(a_log(tmp_path / "late.log", 500_000, 500_900), a_log(tmp_path / "early.log", 100_000, 100_900))
    assert tape.late == 0


def test_a_log_without_stamps_is_read_along_and_ahead(tmp_path: Path) -> None:
    proxy = a_log(tmp_path / "proxy.log", 100_000, 102_000)
    server = tmp_path / "server.log"
    server.write_text("no stamp here\n" * 100_000)
    tape = Tape()
    inputs = [Finished(proxy), Finished(str(server))]
    for one in inputs:
        one.open()
    sizes = Path(proxy).stat().st_size, server.stat().st_size
    playing = replay(tape, inputs, lateness=2.0, on_problem=lambda _: None)
    shares = [(tape.bytes[proxy] / sizes[0], tape.bytes[str(server)] / sizes[1]) for _ in playing]
    began = [pair for pair in shares if pair[0] > 0.06]  # after the first look at each
    assert all(unstamped >= stamped - 0.001 for stamped, unstamped in began)
    assert any(unstamped < 0.6 for stamped, unstamped in began if 0.1 < stamped < 0.4), "it must not be read to its end first"


def test_an_input_that_breaks_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    good = a_log(tmp_path / "good.log", 100_000, 101_000)
    broken = tmp_path / "broken.gz"
    broken.write_bytes(b"\x1f\x8b\x08\x00 this is no gzip")
    tape, problems = play(str(broken), good)
    assert len(problems) == 1
    assert "broken.gz" in problems[0]
    assert tape.bytes[good] == Path(good).stat().st_size
    assert "end broken.gz" in tape.said


def test_no_input_at_all_still_finishes() -> None:
    assert play()[0].said == ["finish"]
