"""From the fields of one structured log line to a record. Knows nothing of how the line was written (JSON or logfmt).

A line with a method, a path and a status is a request. An application's line is stamped when the answer was sent: where the
line tells how long that took, `at` is moved back to the request's begin, as for every other application log. Any other
line is a detail (it has keys), trouble (its level says error), or chatter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from connwatch.model.record import Chatter, Detail, Record, Request, Trouble
from connwatch.parse.fieldmap import FieldMap
from connwatch.parse.gather import Message
from connwatch.parse.named import Findings
from connwatch.parse.redact import Redactor
from connwatch.parse.units import duration_of, instant_of, whole_of

__all__ = ["structured_record"]

_METHOD = re.compile(r"[A-Za-z]{3,10}")
_ERRORS = frozenset({"error", "err", "fatal", "critical", "crit", "panic", "dpanic", "alert", "emerg"})
_PINO_ERROR = 50  # pino and bunyan: 50 error, 60 fatal
_LONGEST = 8192


def structured_record(
    message: Message, seen_at: float | None, values: Mapping[str, object], fields: FieldMap, format_: str, redactor: Redactor
) -> Record:
    """The record of one line's `values`.

    `message.head` is not read. Its stamp, the engine's, comes before the line's own, and that before `seen_at`.
    """

    def text(name: str) -> str:
        field = fields.fields.get(name)
        value = field.of(values) if field is not None else None
        return value[:_LONGEST] if isinstance(value, str) else ""

    def raw(name: str) -> tuple[object, str]:
        field = fields.fields.get(name)
        return (field.of(values), field.unit) if field is not None else (None, "")

    found = Findings(redactor)
    for name, field in fields.keys.items():
        value = field.of(values)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            found.note(name, str(value)[:_LONGEST])
    own = instant_of(*raw("at"))
    at = next((each for each in (message.at, own, seen_at) if each is not None), None)
    place = (message.source, message.line, message.end_line)
    method, status = text("method"), whole_of(raw("status")[0])
    target = text("target") or text("path")
    if _METHOD.fullmatch(method) and target and ((status is not None and 100 <= status <= 599) or fields.begins):
        duration = duration_of(*raw("duration"))
        if fields.role == "app" and at is not None and duration is not None and not fields.begins:
            at -= duration
        path, query, host = _split(target)
        referer = text("referer")
        authorization = _authorization(raw("authorization")[0], raw("headers")[0], found)
        return Request(
            *place,
            at,
            coarse=message.at is None and own is not None and _is_coarse(raw("at")[0]),
            role=fields.role,
            format=format_,
            method=method.upper(),
            path=redactor.path(path),
            params=redactor.params(query or text("query").removeprefix("?")),
            host=_short(redactor, text("host") or host),
            address=_short(redactor, text("address").split(",")[0].strip()),
            agent=_short(redactor, text("agent"), 300),
            status=status,
            size=whole_of(raw("size")[0]),
            duration=duration,
            referer=redactor.address(referer.partition("?")[0]) if referer else None,
            referer_params=redactor.params(referer.partition("?")[2].partition("#")[0]),
            upstream=_short(redactor, text("upstream")),
            authorization=authorization,
            keys=found.keys,
            facts=found.facts,
        )
    said = text("message")
    if _is_error(raw("level")[0]):
        return Trouble(*place, at, coarse=False, role=fields.role, format=format_, cause="other", text=found.text(said), method=method or None)
    if found.keys:
        return Detail(*place, at, format_, None, found.keys, found.facts)
    return Chatter(*place, at, format_)


def _split(target: str) -> tuple[str, str, str]:
    """Path, query and host of a request target in origin or absolute form (RFC 9112 section 3.2)."""
    host = ""
    if "://" in target[:12]:
        try:
            parts = urlsplit(target)
            return parts.path or "/", parts.query, parts.netloc.rpartition("@")[2]
        except ValueError:
            return "/", "", ""
    path, _, query = target.partition("?")
    return path, query.partition("#")[0], host


def _authorization(value: object, headers: object, found: Findings) -> bool | None:
    """Whether a token came along. Masked or not, a header that is there counts; without the headers nothing is known."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value:
        if value[:7].lower() == "bearer ":
            found.note("authorization", value)
        return True
    return False if isinstance(headers, Mapping) and headers else None


def _short(redactor: Redactor, value: str, longest: int = 100) -> str | None:
    if not value or value == "-":
        return None
    return redactor.text(value[:1000])[:longest] if longest > 100 else redactor.address(value)[:longest]


def _is_coarse(stamp: object) -> bool:
    """Whether a stamp of the line's own counts whole seconds."""
    return (
        float(stamp).is_integer() and abs(stamp) < 1e11
        if isinstance(stamp, (int, float))
        else isinstance(stamp, str) and "." not in stamp and "," not in stamp
    )


def _is_error(level: object) -> bool:
    if isinstance(level, str):
        return level.lower() in _ERRORS
    return isinstance(level, (int, float)) and not isinstance(level, bool) and level >= _PINO_ERROR
