"""Finished files: every shape reads the same, every unusable one says why and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from connwatch.model.errors import SourceError
from connwatch.sources.finished import BLOCK, Finished

LINES = b"".join(b'mcp.example.org 203.0.113.%d - - "GET /mcp HTTP/1.1" 401 9\n' % (n % 250) for n in range(9000))


def everything(name: str) -> bytes:
    source = Finished(name)
    source.open()
    blocks = iter(source.read, b"")
    return b"".join(blocks)


def write(compress: Callable[[bytes], bytes], path: Path) -> str:
    path.write_bytes(compress(LINES))
    return str(path)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gzip", "bzip2", "xz"])
def test_a_file_reads_the_same_however_it_was_packed_and_whatever_it_is_called(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    assert everything(write(compress, tmp_path / "access.log.1")) == LINES


def test_two_gzip_members_in_one_file_are_both_read(tmp_path: Path) -> None:
    path = tmp_path / "joined.gz"
    path.write_bytes(gzip.compress(LINES) + gzip.compress(b"the end\n"))
    assert everything(str(path)) == LINES + b"the end\n"


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_standard_input_is_a_file_like_any_other(compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(compress(LINES))))
    assert everything("-") == LINES


def test_a_closed_standard_input_is_said_to_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="standard input is closed"):
        Finished("-").open()


def test_blocks_are_bounded_and_the_position_tells_how_far_we_are(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(LINES)
    source = Finished(str(path))
    source.open()
    assert (source.size, source.position, source.total) == (len(LINES), 0, 0)
    looked_at = len(source.read())  # what was read to tell whether it is compressed
    assert 0 < looked_at < BLOCK
    assert len(source.read()) == BLOCK
    assert len(source.read(1000)) == 1000
    assert source.position == source.total == looked_at + BLOCK + 1000
    while source.read():
        continue
    assert source.position == len(LINES)


def test_a_gzip_file_cut_short_gives_all_that_is_there_and_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(os.urandom(300_000) + LINES)[:-200])
    source = Finished(str(path))
    source.open()
    blocks: list[bytes] = []
    with pytest.raises(SourceError, match=r"cut\.gz: the compressed file is damaged or cut short .* before the damage were read"):
        blocks.extend(iter(source.read, b""))
    assert len(b"".join(blocks)) == source.total > 300_000
    assert source.read() == b""


def test_an_empty_file_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "empty.log"
    path.touch()
    assert everything(str(path)) == b""


def refusal(name: str) -> str:
    with pytest.raises(SourceError) as caught:
        Finished(name).open()
    return str(caught.value)


def test_a_directory_is_refused_with_what_to_name_instead(tmp_path: Path) -> None:
    assert refusal(f"{tmp_path}/") == f"{tmp_path}/: is a directory; name the files in it, for example {tmp_path}/*.log"


def test_a_missing_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "access.log").touch()
    assert refusal(str(tmp_path / "acess.log")) == f"{tmp_path}/acess.log: no such file; did you mean {tmp_path}/access.log?"
    assert refusal("/no/such/place/x.log") == "/no/such/place/x.log: no such file"


def test_a_name_with_a_nul_is_refused_like_any_other() -> None:
    assert "cannot be read" in refusal("a\0b")


def test_a_file_without_permission_says_whom_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.log").touch()
    monkeypatch.setattr(Path, "open", closed)
    assert "no permission to read it" in refusal(str(tmp_path / "secret.log"))


def test_a_kind_of_compression_that_is_not_read_names_the_tool_that_does(tmp_path: Path) -> None:
    path = tmp_path / "access.log.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd rest")
    assert refusal(str(path)).endswith(f"try: zstdcat {path} | connwatch replay -")


def test_a_disk_that_fails_in_the_middle_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(LINES)
    source = Finished(str(path))
    source.open()
    source.read()

    class Failing:
        def read1(self, size: int = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(source, "_stream", Failing())
    with pytest.raises(SourceError, match="Input/output error"):
        source.read()
    assert source.read() == b""
