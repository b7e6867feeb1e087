"""uvicorn's access lines and what FastMCP and the Python MCP SDK print around them. Holds at most one open message.

An access line is written when the answer *starts* and has no time of its own; what the SDK says about a request stands
before it. Python tracebacks are one message, up to `_MOST_TRACEBACK` lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Detail, Record, Request, Trouble, Unparsed
from connwatch.parse.adopt import Waiting
from connwatch.parse.app_line import message_of, take_time
from connwatch.parse.gather import Message
from connwatch.parse.named import Findings
from connwatch.parse.parser import FormatTable
from connwatch.parse.redact import Redactor
from connwatch.parse.requests import RequestLines
from connwatch.parse.rich_wrap import Wrapped, continues, drawn, wrapped_head
from connwatch.parse.sdk_phrases import SDK_PHRASES

__all__ = ["UvicornParser", "uvicorn_parser"]

_ACCESS = re.compile(
    r"(?P<prefix>.{0,120}?)(?:(?<=[\s:])|^)(?P<address>\[?[0-9A-Fa-f.:]{2,45}\]?:\d{1,5}|[\w.-]{1,64}:\d{1,5}|testclient|)"
    r' ?- "(?P<method>[A-Z]{3,10}) (?P<target>\S{1,8000}) HTTP/\d(?:\.\d)?" (?P<status>[1-5]\d\d)\b'
)
#: uvicorn's own, `logging.basicConfig`'s, the usual `<time> - <logger> - LEVEL - `, and gunicorn's three brackets.
_LEVEL = re.compile(
    r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{1,6}(?: - [\w.]{1,80})?[ -]{1,4}\[?|\[\d{4}-\d\d-\d\d [0-9: +-]{8,16}\] \[\d{1,7}\] \[)?"
    r"(TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL)(?::|\]| - )"
)
_STARTED = re.compile(r"(?:INFO:\s+)?(?:Started server process|Starting MCP server)")
_STOPPED = re.compile(r"(?:INFO:\s+)?Finished server process")
_TRACEBACK = re.compile(r"(?:\s*\+ Exception Group )?Traceback \(most recent call last\):|ERROR:\s+Exception in ASGI application")
_IN_TRACEBACK = re.compile(
    r"\s|Traceback \(|During handling of|The above exception|$|[A-Za-z_][\w.]{0,100}(?:Error|Exception|Group|Exit|Interrupt|Cancelled|Timeout)\b"
)
_MOST_TRACEBACK = 300


def uvicorn_parser(name: str, table: FormatTable, redactor: Redactor) -> UvicornParser:
    """A builder for the table of formats; the format has no settings."""
    del table
    return UvicornParser(name, redactor)


class UvicornParser:
    """Reads the output of one Python server."""

    def __init__(self, name: str, redactor: Redactor) -> None:
        self._name = name
        self._redactor = redactor
        self._requests = RequestLines(redactor)
        self._waiting = Waiting()
        self._open: Message | None = None
        self._wrapped: Wrapped | None = None  # None while the open message is a traceback

    @property
    def format(self) -> str:
        """The name by which it was asked for."""
        return self._name

    def parse(self, line: Line) -> Sequence[Record]:
        """The records that this line completed."""
        message = message_of(line)
        text = message.head
        if self._goes_on(line.number, text):
            return ()
        records = self._close()
        records += self._waiting.expire(message.at)
        access = _access(text)
        if access is not None:
            request = self._request(message, access)
            return [*records, request, *self._waiting.meet(request)]
        wrapped = wrapped_head(text)
        if wrapped is not None:
            take_time(message, wrapped.stamp)
            self._open, self._wrapped = message, wrapped
            return records
        if _TRACEBACK.match(text):
            self._open, self._wrapped = message, None
            return records
        return records + self._said(message, text, _level(text))

    def flush(self) -> Sequence[Record]:
        """What is still open."""
        return self._close() + self._waiting.release()

    def _goes_on(self, number: int, text: str) -> bool:
        message = self._open
        if message is None or _access(text):
            return False
        if self._wrapped is not None:
            if not continues(text) or not self._wrapped.add(text):
                return False
        elif _IN_TRACEBACK.match(text) is None or number - message.line >= _MOST_TRACEBACK:
            return False
        else:
            message.body = [text] if text.strip() else message.body  # the last line names the exception
        message.end_line = number
        return True

    def _close(self) -> list[Record]:
        message, wrapped = self._open, self._wrapped
        self._open = self._wrapped = None
        if message is None:
            return []
        if wrapped is not None:
            return self._said(message, wrapped.message, wrapped.level)
        return self._said(message, message.body[0].strip() if message.body else message.head, "ERROR")

    def _request(self, message: Message, found: re.Match[str]) -> Request:
        target = self._requests.target(found["method"], found["target"])
        take_time(message, found["prefix"])
        address = found["address"].rpartition(":")[0].strip("[]")
        return Request(
            message.source,
            message.line,
            message.end_line,
            message.at,
            coarse=message.coarse,
            role="app",
            format=self._name,
            method=target.method,
            path=target.path,
            params=target.params,
            address=address or None,
            status=int(found["status"]),
            keys=target.keys,
        )

    def _said(self, message: Message, text: str, level: str) -> list[Record]:
        """The records of a complete message in words."""
        place = (message.source, message.line, message.end_line, message.at)
        for phrase in SDK_PHRASES:
            said = phrase.pattern.search(text)
            if said is None:
                continue
            found = Findings(self._redactor)
            for name, value in said.groupdict().items():
                found.note(name, value or "")
            found.facts.update(phrase.facts)
            told: list[Detail | Trouble] = []
            if phrase.cause:
                told.append(
                    Trouble(
                        *place, coarse=False, role="app", format=self._name, cause=phrase.cause, text=found.text(text), method=phrase.method or None
                    )
                )
                found.facts["cause"] = phrase.cause
            if found.keys:
                told.append(Detail(*place, format=self._name, of=None, keys=found.keys, facts=found.facts))
            if not phrase.statuses:
                return list(told)
            return [record for each in told for record in self._waiting.add(each, phrase.method, phrase.statuses)]
        if level in ("ERROR", "CRITICAL"):
            return [Trouble(*place, coarse=False, role="app", format=self._name, cause="other", text=self._redactor.text(text)[:200])]
        if level or not text.strip() or drawn(text):
            facts = {"started": "yes"} if _STARTED.match(text) else {"stopped": "yes"} if _STOPPED.match(text) else {}
            return [Chatter(*place, format=self._name, facts=facts)]
        return [Unparsed(message.source, message.line, self._redactor.sample(text), "neither an access line nor a logger's message")]


def _access(text: str) -> re.Match[str] | None:
    return _ACCESS.match(text) if '- "' in text else None


def _level(text: str) -> str:
    found = _LEVEL.match(text)
    return found[1] if found is not None else ""
