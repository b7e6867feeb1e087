"""From the fields of one structured log line to a record. Knows nothing of how the line was written (JSON or logfmt).

A line with a method, a path and a status is a request. An application's line is stamped when the answer was sent: where the
line tells how long that took, `at` is moved back to the request's begin, as for every other application log. Any other
line is a detail (it has keys), trouble (its level says error), or chatter.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Detail, Record, Request, Trouble, Unparsed
from connwatch.parse.fieldmap import compile_fields
from connwatch.parse.keys import keys_of, visitor_of
from connwatch.parse.named import Findings
from connwatch.parse.redact import Redactor
from connwatch.parse.requests import RequestLines
from connwatch.parse.units import duration_of, instant_of, whole_of

__all__ = ["FieldReader"]

_ERRORS = frozenset({"error", "err", "fatal", "critical", "crit", "panic", "dpanic", "alert", "emerg"})
#: What Go's proxies say of an upstream, and which cause of `Trouble` it is.
_CAUSES = (
    ("connection refused", "connect-refused"),
    ("no route to host", "connect-refused"),
    ("no such host", "connect-refused"),
    ("no upstreams available", "no-live-upstreams"),
    ("i/o timeout", "upstream-timeout"),
    ("deadline exceeded", "upstream-timeout"),
    ("context canceled", "client-closed"),
    ("connection reset", "upstream-closed"),
    ("EOF", "upstream-closed"),
    ("tls: ", "tls"),
    ("x509: ", "tls"),
)
_PINO_ERROR = 50  # pino and bunyan: 50 error, 60 fatal
_LONGEST = 8192
_LONGEST_AGENT = 300
_LONGEST_NAME = 100


class FieldReader:
    """Reads the values of a line by one format's map. Raises ConfigError where the format's table is wrong."""

    def __init__(self, name: str, table: Mapping[str, object], redactor: Redactor) -> None:
        self.format = name
        self._map = compile_fields(name, table)
        self._redactor = redactor
        self._requests = RequestLines(redactor)

    def record(self, line: Line, at: float | None, values: Mapping[str, object]) -> Record:
        """The record of one line. `at`, the engine's stamp, comes before the line's own, and that before `line.seen_at`."""
        found = Findings(self._redactor)
        for name, field in self._map.keys.items():
            value = field.of(values)
            if isinstance(value, (str, int)) and not isinstance(value, bool):
                found.note(name, str(value)[:_LONGEST])
        own = instant_of(*self._raw(values, "at"))
        coarse = at is None and own is not None and _is_coarse(self._raw(values, "at")[0])
        stamp = next((each for each in (at, own, line.seen_at) if each is not None), None)
        request = self._request(line, stamp, coarse, values, found)
        if request is not None and self._map.takes(values):
            return request
        if request is not None or all(self._raw(values, name)[0] is None for name in ("at", "level", "message")):
            return Unparsed(line.source, line.number, found.text(line.text), "its fields are not those of this format")
        place = (line.source, line.number, line.number, stamp)
        if _is_error(self._raw(values, "level")[0]):
            return self._trouble(place, coarse, values, found)
        if found.keys:
            return Detail(*place, format=self.format, of=None, keys=found.keys, facts=found.facts)
        return Chatter(*place, format=self.format)

    def _trouble(self, place: tuple[str, int, int, float | None], coarse: bool, values: Mapping[str, object], found: Findings) -> Trouble:
        """What an error line explains; a proxy's names the request and says what became of its upstream."""
        said = self._text(values, "message")
        target = self._requests.target(self._text(values, "method").upper(), self._text(values, "target") or self._text(values, "path"))
        proxy = self._map.role == "proxy"
        return Trouble(
            *place,
            coarse=coarse,
            role=self._map.role,
            format=self.format,
            cause=next((cause for words, cause in _CAUSES if words in said), "other") if proxy else "other",
            text=found.text(said),
            method=target.method or None,
            path=target.path or None,
            params=target.params,
            host=self._bounded(self._text(values, "host")),
        )

    def _request(self, line: Line, at: float | None, coarse: bool, values: Mapping[str, object], found: Findings) -> Request | None:
        """The request that a line tells of, or None where it lacks what makes one."""
        status = whole_of(self._raw(values, "status")[0])
        if not self._map.begins and (status is None or not 100 <= status <= 599):
            return None
        raw = self._text(values, "target") or self._text(values, "path")
        address = self._bounded(self._text(values, "address").partition(",")[0].strip())
        visitor = visitor_of(address, self._map.role)
        target = self._requests.target(self._text(values, "method").upper(), raw, visitor)
        if not target.method or not raw:
            return None
        query = self._text(values, "query").removeprefix("?")
        if query and not target.params:
            target.params = self._redactor.params(query)
            target.keys = keys_of(query, target.params, visitor)
        duration = duration_of(*self._raw(values, "duration"))
        if self._map.role == "app" and at is not None and duration is not None and not self._map.begins:
            at -= duration
        referer, _, referer_query = self._text(values, "referer").partition("#")[0].partition("?")
        referer_params = self._redactor.params(referer_query)
        headers = self._raw(values, "headers")[0]
        authorization = _authorization(self._raw(values, "authorization")[0], headers, found)
        return Request(
            line.source,
            line.number,
            line.number,
            at,
            coarse=coarse,
            role=self._map.role,
            format=self.format,
            method=target.method,
            path=target.path,
            params=target.params,
            host=self._bounded(self._text(values, "host") or _host(raw)),
            address=address,
            agent=self._redactor.text(self._text(values, "agent"))[:_LONGEST_AGENT] or None,
            status=status,
            size=whole_of(self._raw(values, "size")[0]),
            duration=duration,
            referer=self._redactor.address(referer) if referer else None,
            referer_params=referer_params,
            upstream=self._bounded(self._text(values, "upstream")),
            authorization=authorization,
            keys=list(dict.fromkeys((*target.keys, *found.keys, *keys_of(referer_query, referer_params, visitor)))),
            facts=found.facts,
        )

    def _raw(self, values: Mapping[str, object], name: str) -> tuple[object, str]:
        field = self._map.fields.get(name)
        return (field.of(values), field.unit) if field is not None else (None, "")

    def _text(self, values: Mapping[str, object], name: str) -> str:
        value = self._raw(values, name)[0]
        return value[:_LONGEST] if isinstance(value, str) and value != "-" else ""

    def _bounded(self, value: str) -> str | None:
        return self._redactor.address(value)[:_LONGEST_NAME] or None


def _host(target: str) -> str:
    """The host of an absolute request target (RFC 9112 section 3.2.2), "" for any other."""
    if "://" not in target[:16]:
        return ""
    try:
        return urlsplit(target).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _authorization(value: object, headers: object, found: Findings) -> bool | None:
    """Whether a token came along. Masked or not, a header that is there counts; without the headers nothing is known."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value:
        if value[:7].lower() == "bearer ":
            found.note("authorization", value)
        return True
    return False if isinstance(headers, dict) and headers else None


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
