"""A notice in words: fields of the templates, filled from its alerts and the last attempt. Must not decide what is told.

What is said of a log was redacted when it was read; here it is cut to lines and made printable.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Final

from connwatch.alerts.alert import Entry, Kind, Notice
from connwatch.alerts.template import Template
from connwatch.alerts.text import Text, Tone
from connwatch.diagnose.serial import iso
from connwatch.diagnose.story import headline, never_came, rows, stage_title
from connwatch.diagnose.wording import client_title, plain, seconds
from connwatch.model.attempt import Attempt
from connwatch.model.event import Event

__all__ = ["Writer"]

_MOST_ROWS: Final = 14
_MOST_EVIDENCE: Final = 5
_MOST_CLIENTS: Final = 8
_TONES: Final[dict[str, Tone]] = {"stopped": "failure", "again": "failure", "flapping": "warning", "recovered": "success"}
_SOURCES: Final = {
    "source-deaf": (
        "cannot be read", "could not be read",
        "Attempts that only it could show are not judged meanwhile: a silence proves nothing.",
        "What was written meanwhile is read now, as far as it was kept.",
    ),
    "source-silent": (
        "gives no lines", "gave no lines",
        "It can be read, and nothing new is in it: nobody asks, or the program behind it is down or writes elsewhere.",
        "Lines come again.",
    ),
}  # fmt: skip
"""What a source's trouble is, now and afterwards, and what follows from it, now and afterwards."""


class Writer:
    """`titles` are what diagnoses are called, by code; `link` is where the page is, or "": then a command is named. `calm` in seconds.

    `config` is the configuration's file: the commands in a message name it, so that they work where they are pasted.
    """

    def __init__(
        self, templates: Mapping[str, Template], titles: Mapping[str, str], *, link: str = "", calm: float = 1800.0, config: str = ""
    ) -> None:
        self._templates, self._titles, self._link, self._calm = templates, titles, link.rstrip("/"), calm
        self._config = ["--config", shlex.quote(config)] if config else []

    def write(self, notice: Notice, find: Callable[[str], Attempt | None]) -> Text:
        """The message. `find` gives an attempt by its id, as far as it is known."""
        last = max(notice.entries, key=lambda one: one.last_at)
        about_source = last.key.about_source
        name: str = notice.kind
        if about_source:
            name = "source-recovered" if notice.kind == "recovered" else "source"
        worded = self._templates[name].fill(self._of_source(notice.kind, last) if about_source else self._of_attempts(notice, last, find))
        clients = () if about_source else tuple(dict.fromkeys(one.key.client for one in notice.entries))
        servers = () if about_source else tuple(dict.fromkeys(one.key.server for one in notice.entries))
        return Text(
            plain(worded.title, 200), worded.plain, worded.markdown, worded.html, _TONES[notice.kind], notice.severity, clients, servers
        )  # fmt: skip

    def _of_source(self, kind: Kind, entry: Entry) -> dict[str, str]:
        what, was, effect, after = _SOURCES.get(entry.key.code, (entry.key.code, entry.key.code, "", ""))
        calm = seconds(self._calm)
        if kind == "again":
            what = f"still {what}"
        elif kind == "flapping":
            what += ", on and off"
            effect += f" It came and went {entry.flaps} times within an hour: this is the last message about it until it has been steady for {calm}."
        return {
            "server": plain(entry.key.server, 80),
            "title": was if kind == "recovered" else what,
            "effect": after if kind == "recovered" else effect,
            "flaps": str(entry.flaps),
            "calm": calm,
            "code": entry.key.code,
            "since": _moment(entry.first_at),
            "until": _moment(entry.last_at),
            "detail": plain(entry.detail, 300),
            "link": self._link or self._command("connwatch sources"),
            "silence": self._silence(server=entry.key.server, code=entry.key.code),
        }

    def _of_attempts(self, notice: Notice, last: Entry, find: Callable[[str], Attempt | None]) -> dict[str, str]:
        entries, key = notice.entries, last.key
        clients = list(dict.fromkeys(one.key.client for one in entries))
        count = sum(one.count for one in entries)
        values = {
            "client": _listed([_who(client) for client in clients]),
            "server": _host(key.server) or "an unnamed server",
            "step": stage_title(key.step),
            "code": key.code,
            "title": plain(self._titles.get(key.code, key.code)),
            "count": _attempts(count),
            "since": _moment(min(one.first_at for one in entries)),
            "until": _moment(max(one.last_at for one in entries)),
            "flaps": str(max(one.flaps for one in entries)),
            "calm": seconds(self._calm),
            "silence": self._silence(client=clients[0] if len(clients) == 1 else "", server=key.server, code=key.code),
        }
        if len(entries) > 1:
            values["others"] = "\n".join(
                f"{_who(one.key.client)}: {_attempts(one.count)}, the last {_moment(one.last_at)} UTC"
                for one in entries[:_MOST_CLIENTS]
            )
        names = [name for one in (last, *entries) for name in reversed(one.attempts)]
        attempt = next((found for name in names if (found := find(name)) is not None), None)
        if attempt is not None:
            values |= _of_attempt(attempt)
        if names:
            values["link"] = f"{self._link}/#{names[0]}" if self._link else self._command(f"connwatch show {names[0]}")
        return values

    def _silence(self, *, client: str = "", server: str = "", code: str = "") -> str:
        pairs = ("client", client), ("server", server), ("code", code)
        chosen = [f"--{name} {shlex.quote(plain(value, 80))}" for name, value in pairs if value]
        return self._command(" ".join(["connwatch silence", *chosen, "--for 2h"]))

    def _command(self, text: str) -> str:
        return " ".join([text, *self._config])


def _of_attempt(attempt: Attempt) -> dict[str, str]:
    first = attempt.diagnoses[0] if attempt.diagnoses else None
    return {
        "id": plain(attempt.id, 40),
        "started": _moment(attempt.started_at),
        "headline": plain(headline(attempt), 600),
        "waterfall": "\n".join(_waterfall(attempt)),
        "evidence": "\n".join(_evidence(attempt)),
        "remedy": "" if first is None else plain(first.remedy, 600),
        "check": "" if first is None or not first.checks else plain(first.checks[0], 300),
    }


def _waterfall(attempt: Attempt) -> list[str]:
    """The requests, like ones in a row as one line; the first and the last where they are many.

    No line but the last begins with a space: what makes text of HTML for a mail takes those of the first one away.
    """
    lines: list[str] = []
    for (stage, status), run in groupby(rows(attempt), key=lambda row: (row.stage, row.status)):
        alike = list(run)
        many = f"  ×{len(alike)}" if len(alike) > 1 else ""
        answer = "-" if status is None else str(status)
        after = f"+{alike[0].offset:.1f} s"
        lines.append(f"{after:<10}{stage_title(stage):<29} {answer}{many}")
    if len(lines) > _MOST_ROWS:
        half = _MOST_ROWS // 2
        lines = [*lines[:half], f"          … {len(lines) - 2 * half} more", *lines[-half:]]
    if attempt.stuck_at is not None and never_came(attempt):
        lines.append(f"          {stage_title(attempt.stuck_at):<29} never came")
    return lines


def _evidence(attempt: Attempt) -> list[str]:
    """What the first diagnosis rests on, and where that says nothing, the last requests."""
    wanted = {(place.source, place.line) for place in attempt.diagnoses[0].evidence} if attempt.diagnoses else set()
    events = [step.event for step in attempt.steps if any((place.source, place.line) in wanted for place in step.event.evidence)]
    if not events:
        events = [step.event for step in attempt.steps]
    return [_request(event) for event in events[-_MOST_EVIDENCE:]]


def _request(event: Event) -> str:
    place = event.evidence[0] if event.evidence else None
    where = f"{_source(place.source)}:{place.line}  " if place is not None else ""
    agent = f"  {plain(event.agent, 40)}" if event.agent else ""
    answer = "no status" if event.status is None else str(event.status)
    return f"{where}{_clock(event.started_at)}  {plain(event.method, 10)} {plain(event.path, 60)} → {answer}{agent}"


def _source(name: str) -> str:
    """A source's name; of a long path its end, where the file is named."""
    return plain(name if len(name) <= 40 else f"…{name[-39:]}", 40)


def _who(client: str) -> str:
    title = client_title(client)
    return "An unknown client" if title == "the client" else title


def _host(name: str) -> str:
    """A host as it may stand in a title, where some services take @names, links and stars for markup, whatever they are told."""
    return re.sub(r"[^\w.:\[\] -]", "?", plain(name, 80))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _attempts(count: int) -> str:
    return f"{count} attempt{'' if count == 1 else 's'}"


def _moment(at: float) -> str:
    return iso(at)[:16].replace("T", " ")


def _clock(at: float) -> str:
    return iso(at)[11:19]
