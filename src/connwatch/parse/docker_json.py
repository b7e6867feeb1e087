"""Takes log lines out of the objects that Docker's json-file driver writes: `log` (the text), `stream` (stdout or stderr), `time` (RFC 3339).

Must not know what the lines mean. What comes out reads like `docker logs -t`: the engine's stamp, a space, the text.

1. Docker splits a line over 16 KiB; only its last piece ends with a newline. The pieces of each output are put together again, and the line
   has the number of its last object, so that evidence stays a line of the file.
2. A source that shows no such object in its first lines is plain: from then on this costs nothing.
3. What is no such object comes out as it is. No input raises; one unfinished object and one unfinished line for each output are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

__all__ = ["Unwrapper", "unwrapped"]

_LOOK: Final = 64  # lines in which the first object must come
_LONGEST_OBJECT: Final = 262_144  # 16 KiB of text, each byte escaped, and the labels that may be with it
_LONGEST_TEXT: Final = 65_536  # beyond it a line is passed over by the reader anyway
_START: Final = b'{"log":"'
_KEYS: Final = frozenset(("log", "stream", "time", "attrs"))
_OUTPUTS: Final = frozenset(("stdout", "stderr"))
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
#: A whole line in one object without labels; in its text no newline but the last, and of escapes only those of log lines: `"`, `&`, `<`, `>`.
_USUAL: Final = re.compile(
    rb'^\{"log":"([^"\\\n]*+(?:\\(?:"|u00(?:26|3[ce]))[^"\\\n]*+)*+)\\n","stream":"std(?:out|err)",'
    rb'"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)"\}\n',
    re.MULTILINE,
)
_ESCAPES: Final = ((rb"\u0026", b"&"), (rb"\u003c", b"<"), (rb"\u003e", b">"))
_FULL_STAMP: Final = 28  # characters with seven decimals; the engine cuts zeros at the end, and an application's own stamps have fewer


def unwrapped(text: str) -> str:
    """The log line inside one object, with its stamp; `text` itself where it is none."""
    found = _object(text)
    return text if found is None else f"{found.stamp} {found.text}"


class _Object(NamedTuple):
    """What one object says. `ended`: whether its text is the end of a line."""

    text: str
    ended: bool
    output: str
    stamp: str


class Unwrapper:
    """Blocks of bytes in, bytes of plain lines out, each with how many lines of the file came before it without a line of their own."""

    def __init__(self) -> None:
        self.plain = False
        self._wrapped = False
        self._looked = 0
        self._rest = b""
        self._passing = False
        self._passed = 0
        self._pieces: dict[str, tuple[str, bytes]] = {}  # by output: the first piece's stamp, the text so far

    def feed(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """What `block` completes. Must be exhausted before the next call."""
        data = self._rest + block if self._rest else block
        self._rest = b""
        at, end = 0, len(data)
        while at < end:
            if self.plain:
                yield 0, data[at:]
                return
            newline = data.rfind(b"\n", at, at + _LONGEST_OBJECT + 1) + 1
            if self._passing or (not newline and end - at > _LONGEST_OBJECT):
                stop = data.find(b"\n", at) + 1
                self._passing = not stop
                yield self._take_passed(), data[at : stop or end]
                at = stop or end
            elif not newline:
                self._rest = data[at:]
                return
            elif not self._wrapped or self._pieces or (whole := _usual(data[at:newline])) is None:
                at = yield from self._line_by_line(data, at, newline)
            else:
                yield 0, whole
                at = newline

    def finish(self) -> Iterator[tuple[int, bytes]]:
        """What a missing last newline or a missing last piece held back."""
        rest, self._rest, self._passing = self._rest, b"", False
        if rest:
            line = self._line(rest)
            if line is not None:
                yield self._take_passed(), line if not self._pieces or line.endswith(b"\n") else line + b"\n"
        for stamp, text in self._pieces.values():
            self._passed -= 1  # a piece was counted as a line already
            yield self._take_passed(), f"{stamp} ".encode() + text + b"\n"
        self._pieces = {}

    def _take_passed(self) -> int:
        passed, self._passed = self._passed, 0
        return passed

    def _line_by_line(self, data: bytes, at: int, end: int) -> Generator[tuple[int, bytes], None, int]:
        """The lines of `data[at:end]`; gives where it stopped, which is earlier only where the source proved to be plain."""
        out: list[bytes] = []
        before = 0
        while at < end and not self.plain:
            stop = data.find(b"\n", at, end) + 1
            line = self._line(data[at:stop])
            at = stop
            if line is None:
                self._passed += 1
                continue
            if self._passed and out:
                yield before, b"".join(out)
                out = []
            if not out:
                before = self._take_passed()
            out.append(line)
        if out:
            yield before, b"".join(out)
        return at

    def _line(self, raw: bytes) -> bytes | None:
        """What one line of the file is in the end: a line, or nothing yet because it is a piece of one."""
        found = _object(raw.decode("utf-8", "surrogateescape")) if raw.startswith(_START) else None
        if found is None:
            self._looked += 1
            self.plain = not self._wrapped and self._looked >= _LOOK
            return raw
        self._wrapped = True
        stamp, text = self._pieces.pop(found.output, (found.stamp, b""))
        text += _bytes(found.text)
        if found.ended:
            return f"{stamp} ".encode() + text + b"\n"
        self._pieces[found.output] = stamp, text[: _LONGEST_TEXT + 1]
        return None


def _object(line: str) -> _Object | None:
    """One object of the driver's; None for anything else."""
    try:
        read = json.loads(line, strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict) or not _KEYS.issuperset(read) or read.get("stream") not in _OUTPUTS:
        return None
    text, stamp = read.get("log"), read.get("time")
    moment = _TIME.fullmatch(stamp) if isinstance(stamp, str) else None
    if moment is None or not isinstance(text, str):
        return None
    body = text.removesuffix("\n")
    return _Object(body.replace("\n", " "), body != text, read["stream"], _stamp(moment[1], moment[2] or "", moment[3]))


def _stamp(seconds: str, decimals: str, zone: str) -> str:
    """As the engine's own command writes it."""
    return f"{seconds}.{decimals if len(decimals) > 6 else decimals.ljust(9, '0')}{zone}"


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", "replace")


def _usual(window: bytes) -> bytes | None:
    """Whole lines of objects, all of the usual shape, in one go; None where one of them is not."""
    found: list[tuple[bytes, bytes]] = _USUAL.findall(window)
    if len(found) != window.count(b"\n"):
        return None
    out = b"".join([(stamp if len(stamp) >= _FULL_STAMP else _lengthened(stamp)) + b" " + text + b"\n" for text, stamp in found])
    out = out.replace(rb"\"", b'"')
    if rb"\u" in out:
        for escape, sign in _ESCAPES:
            out = out.replace(escape, sign)
    return out


def _lengthened(stamp: bytes) -> bytes:
    seconds, _, decimals = stamp.decode().removesuffix("Z").partition(".")
    return _stamp(seconds, decimals, "Z").encode()
