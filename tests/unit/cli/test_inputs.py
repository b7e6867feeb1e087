"""How arguments name files and formats, and which attempts a filter lets through."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from connwatch.cli.filters import MOMENT
from connwatch.cli.inputs import named_input, opened_inputs, parse_log_formats
from connwatch.model.errors import SourceError
from connwatch.model.selection import Selection
from support.attempts import HOST, T, connected, the_silence

FORMATS = {"nginx-proxy", "coda-mcp", "combined"}


class TestNames:
    def test_a_plain_name_and_a_format_before_a_name(self) -> None:
        assert named_input("access.log", FORMATS) == ("access.log", "auto")
        assert named_input("combined:access.log", FORMATS) == ("access.log", "combined")
        assert named_input("auto:access.log", FORMATS) == ("access.log", "auto")
        assert named_input("-", FORMATS) == ("-", "auto")
        assert named_input("combined:-", FORMATS) == ("-", "combined")

    def test_a_file_that_exists_as_named_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "combined:access.log").touch()
        assert named_input("combined:access.log", FORMATS) == ("combined:access.log", "auto")

    def test_colons_in_the_rest_belong_to_the_file(self) -> None:
        assert named_input("combined:2026-11-23T07:51:06.log", FORMATS) == ("2026-11-23T07:51:06.log", "combined")

    @pytest.mark.parametrize("name", [r"C:\logs\access.log", "C:/logs/access.log", "2026-11-23T07:51:06.log", ":x", "x:", "a b:c"])
    def test_what_is_no_format_is_part_of_the_name(self, name: str) -> None:
        assert named_input(name, FORMATS) == (name, "auto")

    def test_a_misspelt_format_before_a_file_that_exists_gets_a_suggestion(self, tmp_path: Path) -> None:
        log = tmp_path / "access.log"
        log.touch()
        with pytest.raises(click.UsageError, match=r"no log format is called 'combind'; did you mean \"combined\"\?"):
            named_input(f"combind:{log}", FORMATS)


class TestOpening:
    def test_what_cannot_be_read_is_told_and_the_rest_is_read(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        good = tmp_path / "good.log"
        good.write_text("x\n")
        empty = tmp_path / "empty.log"
        empty.touch()
        inputs = opened_inputs([str(tmp_path / "none.log"), str(tmp_path), str(good), str(empty), f"combined:{good}"], FORMATS)
        for one in inputs:
            one.close()
        assert [one.name for one in inputs] == [str(good), str(empty)]
        told = capsys.readouterr().err.splitlines()
        assert told == [
            f"connwatch: {tmp_path}/none.log: no such file",
            f"connwatch: {tmp_path}: is a directory; name the files in it, for example {tmp_path}/*.log",
            f"connwatch: {empty}: is empty",
            f"connwatch: {good}: named twice, read once",
        ]

    def test_nothing_left_to_read_is_an_error(self) -> None:
        with pytest.raises(SourceError, match="none of the named files can be used"):
            opened_inputs(["/no/such/file"], FORMATS)


class TestLogFormats:
    def test_a_name_and_a_format_with_equal_signs_in_it(self) -> None:
        assert parse_log_formats(["rich=$host k=$status"]) == {"rich": {"kind": "log_format", "log_format": "$host k=$status"}}

    @pytest.mark.parametrize("wrong", ["", "rich", "=x", "rich=", "a b=$host", "auto=$host"])
    def test_anything_else_is_explained(self, wrong: str) -> None:
        with pytest.raises(click.BadParameter, match="is not NAME="):
            parse_log_formats([wrong])


class TestFilters:
    def test_an_empty_choice_takes_all_and_is_false(self) -> None:
        assert the_silence() in Selection()
        assert not Selection()
        assert Selection(since=0.0)

    @pytest.mark.parametrize(
        ("wanted", "takes"),
        [
            (Selection(clients=["claude"]), True),
            (Selection(clients=["chatgpt"]), False),
            (Selection(clients=["chatgpt", "CLAUDE*"]), True),
            (Selection(servers=["*.example.org"]), True),
            (Selection(servers=[HOST.upper()]), True),
            (Selection(servers=["other"]), False),
            (Selection(outcomes=["stalled"]), True),
            (Selection(outcomes=["failed"]), False),
            (Selection(since=T + 15), True),
            (Selection(since=T + 17), False),
            (Selection(until=T), True),
            (Selection(until=T - 1), False),
            (Selection(clients=["claude"], outcomes=["failed"]), False),
        ],
    )
    def test_each_part_must_fit(self, wanted: Selection, takes: bool) -> None:
        assert (the_silence() in wanted) is takes
        assert connected() in Selection(clients=["chatgpt"])

    def test_times_are_utc_unless_they_say_otherwise(self) -> None:
        def read(value: str) -> float:
            return MOMENT.convert(value, None, None)

        assert read("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC).timestamp()
        assert read("2026-11-23T07:51:06Z") == read("2026-11-23 08:51:06+01:00") == read("2026-11-23T07:51:06")
        assert abs(read("2h") - (datetime.now(UTC).timestamp() - 7200)) < 5
        assert MOMENT.convert(5.0, None, None) == 5.0

    @pytest.mark.parametrize("wrong", ["yesterday", "", "2026-13-01", "2x", "9999999999h" * 40])
    def test_what_is_no_time_is_explained(self, wrong: str) -> None:
        with pytest.raises(click.BadParameter, match="is no time; write 2026-11-23"):
            MOMENT.convert(wrong, None, None)
