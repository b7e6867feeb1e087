"""The log lines behind an attempt, redacted, for quotation. Reads the files a second time: attempts keep places, not texts. Must not know formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connwatch.model.attempt import Attempt
from connwatch.model.errors import SourceError
from connwatch.parse.docker_json import unwrapped
from connwatch.parse.redact import Redactor
from connwatch.sources.finished import STDIN, Finished

__all__ = ["quoted"]

_MOST = 200
_LONGEST = 1000
_LONGEST_READ = 16 * 1024


def quoted(attempt: Attempt, names: Sequence[str]) -> dict[tuple[str, int], str]:
    """(source, line number) to redacted text, for at most 200 lines of the attempt. What cannot be read again is left out."""
    wanted: dict[str, set[int]] = {}
    count = 0
    for step in attempt.steps:
        for place in step.event.evidence:
            for number in range(place.line, min(place.end_line, place.line + 20) + 1):
                if count < _MOST and place.source in names and place.source != STDIN:
                    wanted.setdefault(place.source, set()).add(number)
                    count += 1
    return {(name, number): text for name, numbers in wanted.items() for number, text in _lines(name, numbers)}


def _lines(name: str, numbers: set[int]) -> Iterator[tuple[int, str]]:
    redactor = Redactor(b"")
    source = Finished(name)
    try:
        source.open()
        for number, line in _numbered(source, max(numbers)):
            if number in numbers:
                yield number, redactor.text(unwrapped(line.decode("utf-8", "replace").rstrip("\r")))[:_LONGEST]
    except SourceError:
        return
    finally:
        source.close()


def _numbered(source: Finished, last: int) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, up to `last`; of a very long one the beginning."""
    number, partial = 1, b""
    while number <= last and (block := source.read()):
        pieces = (partial + block).split(b"\n")
        partial = pieces.pop()[:_LONGEST_READ]
        for line in pieces:
            yield number, line[:_LONGEST_READ]
            number += 1
    if partial and number <= last:
        yield number, partial
