"""The troubleshooting document of one attempt, as Markdown: what works, what happened, why, and what to do next.

Written for the person who has to repair it and for the vendor who reads the ticket. Pure: the caller hands in the lines to quote, which must
be redacted. Nothing of a log can break out of the document: cells and fences are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from connwatch.diagnose.hypotheses import answers
from connwatch.diagnose.serial import iso
from connwatch.diagnose.story import headline, never_came, rows, stage_title
from connwatch.diagnose.trail import write_trail
from connwatch.diagnose.wording import client_title, plain, seconds
from connwatch.model.attempt import GOOD, Attempt, StageState
from connwatch.model.diagnosis import Diagnosis
from connwatch.rules.catalogue import Catalogue

__all__ = ["report"]

_MOST_ROWS: Final = 60
_MOST_QUOTED: Final = 40
_LONGEST_QUOTE: Final = 400
_ANSWERS: Final = {"supported": "**supported**", "ruled out": "ruled out", "not decidable": "not decidable"}


def report(attempt: Attempt, catalogue: Catalogue, lines: Mapping[tuple[str, int], str] | None = None) -> str:
    """The document of an attempt that was judged. `lines` maps (source, line number) to the redacted text of that line, as far as known;
    None where lines are not kept: then they are named.
    """
    parts = [
        f"# Connection attempt {plain(attempt.id, 40)}",
        "",
        _text(headline(attempt)),
        "",
        *_facts(attempt),
        *_working(attempt),
        *_missing(attempt),
        *_course(attempt),
        *_reasons(attempt),
        *_hypotheses(attempt, catalogue),
        *_next(attempt),
        *(_places(attempt) if lines is None else _evidence(attempt, lines)),
    ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _facts(attempt: Attempt) -> Iterator[str]:
    yield from ("| | |", "| --- | --- |")
    table = [
        ("client", client_title(attempt.client)),
        ("server", attempt.server or "unknown"),
        ("began", f"{iso(attempt.started_at)}, at {stage_title(attempt.entry.value)}"),
        ("last request", iso(attempt.ended_at)),
        ("outcome", attempt.outcome.value),
        ("stopped at", stage_title(attempt.stuck_at) if attempt.stuck_at else "nowhere"),
        ("requests", str(len(attempt.steps))),
    ]
    if attempt.group:
        table.append(("certainty", "one of several attempts that look alike, settled by counting"))
    yield from (f"| {name} | {_cell(value)} |" for name, value in table)
    yield ""


def _working(attempt: Attempt) -> Iterator[str]:
    yield from ("## Confirmed working", "")
    good = [state for state in attempt.stages if state.state == "seen" and _fine(state)]
    for state in good:
        yield f"- {stage_title(state.stage.value)}: answered {state.status if state.status is not None else 'without a known status'}{_after(state)}"
    if not good:
        yield "Nothing: no stage of this attempt got a good answer."
    yield ""


def _missing(attempt: Attempt) -> Iterator[str]:
    """Silence and deafness are two things, so each says which it is."""
    hidden = [state for state in attempt.stages if state.state == "not_observable"]
    unseen = [state for state in attempt.stages if state.state == "not_seen"]
    if not hidden and not unseen:
        return
    yield from ("## Not confirmed", "")
    for state in unseen:
        yield f"- {stage_title(state.stage.value)}: not seen, though these logs would have shown it ({_text(state.reason)})"
    for state in hidden:
        yield f"- {stage_title(state.stage.value)}: not observable in these logs ({_text(state.reason)})"
    yield ""


def _fine(state: StageState) -> bool:
    return state.status is None or state.status < 400 or (state.stage.value == "challenge" and state.status == 401)


def _after(state: StageState) -> str:
    return "" if state.after_seconds is None else f", {seconds(state.after_seconds)} after the stage before"


def _course(attempt: Attempt) -> Iterator[str]:
    yield from ("## What happened", "", "| after | stage | request | status | | lines |", "| ---: | --- | --- | ---: | --- | --- |")
    told = rows(attempt)
    for row in told[:_MOST_ROWS]:
        marks = [
            word for word, holds in (("browser", row.actor == "browser"), (row.link, row.link != "exact"), (row.remark, bool(row.remark))) if holds
        ]
        status = "" if row.status is None else str(row.status)
        request = _cell(f"{row.method} {row.path}")
        yield f"| {row.offset:.3f} s | {stage_title(row.stage)} | {request} | {status} | {_cell(', '.join(marks))} | {_cell(', '.join(row.places))} |"
    if len(told) > _MOST_ROWS:
        yield f"| | | and {len(told) - _MOST_ROWS} more | | | |"
    if attempt.stuck_at is not None and never_came(attempt):
        yield f"| | {stage_title(attempt.stuck_at)} | *never came* | | | |"
    yield from ("", f"In short: `{write_trail(attempt.steps)}`", "")


def _reasons(attempt: Attempt) -> Iterator[str]:
    yield from ("## Diagnosis", "")
    if not attempt.diagnoses:
        yield from ("None is needed." if attempt.outcome in GOOD else "None can be made from these lines.", "")
    for number, diagnosis in enumerate(attempt.diagnoses):
        yield from _reason(diagnosis, first=number == 0)


def _reason(diagnosis: Diagnosis, *, first: bool) -> Iterator[str]:
    yield f"### {'Most likely' if first else 'Or'}: {diagnosis.code} ({diagnosis.confidence:.0%})"
    yield from ("", _text(diagnosis.summary), "", f"Remedy: {_text(diagnosis.remedy)}", "", f"Refuted by: {_text(diagnosis.refuted_by)}", "")
    if diagnosis.evidence:
        places = ", ".join(f"{plain(place.source, 60)}:{place.line}" for place in diagnosis.evidence)
        yield from (f"Lines: {_text(places)}", "")
    if diagnosis.see:
        yield from (f"See: {_text('; '.join(diagnosis.see))}", "")


def _hypotheses(attempt: Attempt, catalogue: Catalogue) -> Iterator[str]:
    yield from ("## The ten usual suspects", "", "| | hypothesis | answer | grounds | check |", "| ---: | --- | --- | --- | --- |")
    for found in answers(attempt, catalogue):
        yield f"| {found.number} | {_cell(found.title)} | {_ANSWERS[found.answer]} | {_cell(found.grounds)} | {_cell(found.check)} |"
    yield ""


def _next(attempt: Attempt) -> Iterator[str]:
    if not attempt.diagnoses:
        return
    yield from ("## Next steps", "")
    steps: list[str] = []
    for diagnosis in attempt.diagnoses[:3]:
        steps += [check for check in diagnosis.checks if check not in steps]
    yield from (f"{number}. {_text(step)}" for number, step in enumerate(steps, 1))
    yield ""


def _places(attempt: Attempt) -> Iterator[str]:
    yield from ("## Evidence", "", "The lines themselves are not kept. In the logs they are:", "")
    lines: dict[str, list[list[int]]] = {}
    for place in sorted((one for step in attempt.steps for one in step.event.evidence), key=lambda one: one.line):
        runs = lines.setdefault(place.source, [])
        if runs and place.line <= runs[-1][1] + 1:
            runs[-1][1] = max(runs[-1][1], place.end_line)
        else:
            runs.append([place.line, place.end_line])
    for source, runs in lines.items():
        shown = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs[:_MOST_QUOTED])
        more = f" and {len(runs) - _MOST_QUOTED} more places" if len(runs) > _MOST_QUOTED else ""
        yield f"- {_text(plain(source, 60))}: lines {shown}{more}"
    yield ""


def _evidence(attempt: Attempt, lines: Mapping[tuple[str, int], str]) -> Iterator[str]:
    quoted: list[str] = []
    for step in attempt.steps:
        for place in step.event.evidence:
            for number in range(place.line, min(place.end_line, place.line + 20) + 1):
                text = lines.get((place.source, number))
                if text is not None and len(quoted) < _MOST_QUOTED:
                    quoted.append(f"{plain(place.source, 60)}:{number}: {plain(text, _LONGEST_QUOTE)}")
    if not quoted:
        return
    longest = max((len(run) for line in quoted for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from ("## Evidence (redacted)", "", fence + "text", *quoted, fence, "")


def _cell(text: str) -> str:
    """Text inside a table: no pipe or line break can end the cell."""
    return _text(text).replace("|", "\\|")


def _text(text: str) -> str:
    """Text in a paragraph: what Markdown or HTML would take as markup is shown as it is."""
    return re.sub(r"([\\`*\[\]<>])", r"\\\1", plain(text, 2000))
