"""A file on another machine: its script, run by the shells that may be there, and what a reading makes of what the script says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connwatch.model.errors import SourceError
from connwatch.sources.far import Piece
from connwatch.sources.farcommand import NO_PERMISSION
from connwatch.sources.farfile import FileReading
from connwatch.sources.follower import MAX_LINE

MARK = "connwatch-0123456789abcdef"
TOOLS = ("sh", "cat", "head", "ls", "md5sum", "sleep", "tail")
SHELLS = ("dash", "bash", "busybox")
SETPRIV = shutil.which("setpriv")
NOBODY = [str(SETPRIV), "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
as_somebody = pytest.mark.skipif(os.geteuid() == 0 and SETPRIV is None, reason="root may read everything: to be somebody else needs setpriv")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that everybody may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Run:
    """The script at work, as somebody who is not root, and what the reading made of it."""

    def __init__(self, shell: str, path: Path, cursor: str | None, tools: Path) -> None:
        self.cursor = cursor
        self.pieces: list[Piece] = []
        self._reading = FileReading(MARK, str(path), cursor, at_end=False)
        program = [str(shutil.which(shell)), "sh"] if shell == "busybox" else [str(shutil.which(shell))]
        environment = {"PATH": str(tools) if shell == "busybox" else "/usr/bin:/bin", "LC_ALL": "C"}
        command = [*NOBODY, *program, "-c", self._reading.script()]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while block := os.read(self.process.stdout.fileno(), 65536):
            for piece in self._reading.feed(block):
                self.cursor = piece.cursor or self.cursor
                self.pieces.append(piece)

    @property
    def data(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    @property
    def state(self) -> str:
        return self.pieces[-1].state if self.pieces else ""

    @property
    def gaps(self) -> list[str]:
        return [piece.gap for piece in self.pieces if piece.gap]

    @property
    def offset(self) -> int:
        return int(json.loads(self.cursor or "")["offset"])

    def ended(self) -> tuple[int, str]:
        """Exit status and standard error of a script that ends by itself."""
        assert self.process.stderr is not None
        return self.process.wait(10), self.process.stderr.read().decode()

    def close(self) -> None:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait(10)
        self._thread.join()


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    return name


@contextmanager
def script_of(shell: str, path: Path, cursor: str | None = None) -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        tools = Path(name)
        tools.chmod(0o755)
        for tool in TOOLS if shell == "busybox" else ():
            (tools / tool).symlink_to(str(shutil.which("busybox")))
        run = Run(shell, path, cursor, tools)
        try:
            yield run
        finally:
            run.close()


def wait_for(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up, "it did not come"
        time.sleep(0.01)


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %03d\n" % number for number in range(first, last))


@as_somebody
@pytest.mark.parametrize("there_already", [numbered(0, 3), numbered(0, 50)], ids=["short", "long"])
def test_a_permission_that_is_taken_away_ends_the_script_and_loses_nothing(shell: str, folder: Path, there_already: bytes) -> None:
    log = folder / "a.log"
    with log.open("ab", buffering=0) as program:
        program.write(there_already)
        log.chmod(0o644)
        with script_of(shell, log) as run:
            wait_for(lambda: run.state == "live")
            log.chmod(0)
            program.write(numbered(50, 60))
            status, said = run.ended()
        assert (status, run.data, run.offset) == (NO_PERMISSION, there_already, len(there_already))
        assert said.splitlines()[-1] == f"cannot read {log}"
        log.chmod(0o644)
        with script_of(shell, log, run.cursor) as again:
            program.write(numbered(60, 70))
            wait_for(lambda: again.data.endswith(b"line 069\n"))
    assert again.data == numbered(50, 70)
    assert again.gaps == []


def test_a_line_that_is_copied_and_truncated_in_its_middle_is_one_line(shell: str, folder: Path) -> None:
    log = folder / "a.log"
    log.write_bytes(numbered(0, 50) + b"half ")
    log.chmod(0o644)
    with script_of(shell, log) as run:
        wait_for(lambda: run.state == "live")
        (folder / "a.log.1").write_bytes(log.read_bytes() + b"and half\n")
        (folder / "a.log.1").chmod(0o644)
        os.truncate(log, 0)
        wait_for(lambda: run.data.endswith(b"half\n"))
    assert run.data == numbered(0, 50) + b"half and half\n"


def said(reading: FileReading, *parts: bytes | str) -> list[Piece]:
    """What comes of log bytes and of words."""
    stream = b"".join(part if isinstance(part, bytes) else f"\n{MARK} {part}\n".encode() for part in parts)
    return [piece for at in range(0, len(stream), 65536) for piece in reading.feed(stream[at : at + 65536])]


LONG = b"x" * (3 * MAX_LINE) + b"\n"
CUT = b"x" * MAX_LINE + b"\n"


def position(pieces: list[Piece]) -> int:
    return int(json.loads(pieces[-1].cursor or "")["offset"])


def text(pieces: list[Piece]) -> bytes:
    return b"".join(piece.data for piece in pieces)


def test_bytes_that_were_left_out_of_a_long_line_count_in_the_position() -> None:
    size = len(LONG + numbered(0, 9))
    pieces = said(FileReading(MARK, "/x", None, at_end=False), "file 5 0 256 abc 0", LONG + numbered(0, 9), f"live {size}")
    assert (text(pieces), position(pieces)) == (CUT + numbered(0, 9), size)


def test_a_run_that_begins_within_a_long_line_skips_the_rest_of_it() -> None:
    pieces = said(FileReading(MARK, "/x", None, at_end=False), "file 5 0 256 abc 0", LONG[: 2 * MAX_LINE])
    at = position(pieces)
    assert (text(pieces), at > MAX_LINE) == (CUT, True)
    again = FileReading(MARK, "/x", pieces[-1].cursor, at_end=False)
    assert f"o={at}" in again.script()
    pieces = said(again, f"file 5 {at} 256 abc 0", LONG[at:], b"next\n", f"live {len(LONG) + 5}")
    assert (text(pieces), position(pieces)) == (b"next\n", len(LONG) + 5)


def test_where_the_long_line_was_lost_nothing_is_skipped() -> None:
    pieces = said(FileReading(MARK, "/x", None, at_end=False), "file 5 0 256 abc 0", LONG[: 2 * MAX_LINE])
    again = FileReading(MARK, "/x", pieces[-1].cursor, at_end=False)
    assert text(said(again, "lost", "file 6 0 256 def 0", b"first\n", "live 6")) == b"first\n"


def test_the_first_line_after_a_rotation_is_no_rest_of_a_long_one() -> None:
    reading = FileReading(MARK, "/x", None, at_end=False)
    said(reading, "file 5 0 256 abc 0", LONG[: 2 * MAX_LINE])
    assert text(said(reading, "rotated", "file 6 0 256 def 0", b"first\n", "live 6")) == b"first\n"


def test_a_copy_that_came_short_ends_the_run_after_what_came() -> None:
    """The file was truncated between the look at its size and the copying: what is missing is in the copy beside it."""
    reading = FileReading(MARK, "/x", None, at_end=False)
    pieces = said(reading, "file 5 0 256 abc 0", b"one\ntwo")
    with pytest.raises(SourceError, match="less of /x came than it grew by"):
        said(reading, "live 20")
    assert position(pieces) == 4
