"""One attempt, drawn: each request with the time it came, long silences between them, what never came, and the diagnosis beneath.

Must not judge: everything said here is in the attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connwatch.cli.lane import Lane
from connwatch.cli.spans import Line, Span, cells, cut, cut_middle, padded, wrapped
from connwatch.cli.words import OUTCOME_TONES, clock, day, lasting, percent, stage_name, status_tone, verdict
from connwatch.diagnose.story import never_came
from connwatch.model.attempt import Attempt, StageState, Step
from connwatch.model.diagnosis import Diagnosis
from connwatch.model.event import Event, Evidence, Stage
from connwatch.model.mark import Gap, Mark

__all__ = ["waterfall"]

#: A silence this long (seconds) between two requests gets a line of its own: somebody was reading, or something hung.
_LONG_GAP: Final = 5.0
#: Runs of like requests longer than this are shown by their first, how many, and their last.
_LONG_RUN: Final = 4
#: From this width on there is room for a lane that shows when each request ran.
_WIDE: Final = 120
_LANE: Final = 22

_LINK_MARKS: Final = {"exact": " ", "inferred": "~", "ambiguous": "?"}
_LINK_WORDS: Final = {"inferred": "~ joined by order and time", "ambiguous": "? could belong to another attempt as well"}
_OFFSET: Final = 9
_STAGE: Final = 17


def waterfall(attempt: Attempt, width: int | None, marks: Sequence[Mark] = (), gaps: Sequence[tuple[str, Gap]] = ()) -> list[Line]:
    """The drawing in at most `width` columns; None: a pipe, nothing is cut or wrapped. Marks and gaps stand between the requests."""
    beside = sorted([*(_mark(one, attempt) for one in marks), *(_gap(*one, attempt) for one in gaps)], key=lambda one: one[0])
    course = [*_requests(attempt, width, beside), *_missing(attempt, width), *_legend(attempt, width)]
    return [*_heading(attempt), [], *course, *_diagnoses(attempt, width)]


def _heading(attempt: Attempt) -> Iterator[Line]:
    tone = OUTCOME_TONES[attempt.outcome]
    who: Line = [(attempt.client, ""), (" → ", "faint"), (attempt.server or "unknown server", "")]
    yield [(attempt.id, "strong"), ("  ", ""), *who, ("  ", ""), (verdict(attempt), tone)]
    span = f"{day(attempt.started_at)} {clock(attempt.started_at, parts=12)} to {_end(attempt)} UTC"
    facts = [span, lasting(attempt.ended_at - attempt.started_at), f"first seen at {stage_name(attempt.entry.value)}"]
    if attempt.group:
        facts.append(f"told by counting in group {attempt.group}")
    if attempt.previous:
        facts.append(f"after {attempt.previous}")
    yield [(", ".join(facts), "faint")]


def _end(attempt: Attempt) -> str:
    same_day = day(attempt.started_at) == day(attempt.ended_at)
    return clock(attempt.ended_at, parts=12) if same_day else f"{day(attempt.ended_at)} {clock(attempt.ended_at, parts=12)}"


def _mark(mark: Mark, attempt: Attempt) -> tuple[float, Line]:
    return mark.at, _beside(mark.at, attempt, mark.source, f"{mark.what}{f': {mark.detail}' if mark.detail else ''}")


def _gap(source: str, gap: Gap, attempt: Attempt) -> tuple[float, Line]:
    return gap.start, _beside(gap.start, attempt, source, f"lines of {lasting(gap.end - gap.start)} are lost: {gap.reason}")


def _beside(at: float, attempt: Attempt, source: str, text: str) -> Line:
    return [
        (padded(_offset(at - attempt.started_at), _OFFSET, right=True), "faint"),
        (" ◆ ", "warn"),
        (padded(source, _STAGE), "warn"),
        ("   -  ", "faint"),
        (text, ""),
    ]


def _requests(attempt: Attempt, width: int | None, beside: Sequence[tuple[float, Line]]) -> Iterator[Line]:
    widest = (
        max((cells(_what(step.event)) for step in attempt.steps), default=0),
        max((cells(_places(step.event.evidence)) for step in attempt.steps), default=0),
    )
    lane = Lane([(step.event.started_at, step.event.at) for step in attempt.steps], _LANE) if width is not None and width >= _WIDE else None
    before: Event | None = None
    waiting = list(beside)
    for run in _runs(attempt.steps):
        first = run[0].event
        while waiting and waiting[0][0] < first.started_at:
            yield waiting.pop(0)[1]
        if before is not None and first.started_at - before.at >= _LONG_GAP:
            yield [(" " * _OFFSET, ""), (f"  ┊ {lasting(first.started_at - before.at)}", "faint")]
        yield _request(attempt, run[0], width, lane, widest)
        if len(run) > 1:
            between = f"  ┊ {len(run) - 2} more of the same in {lasting(run[-1].event.started_at - first.started_at)}"
            yield [(" " * _OFFSET, ""), (between, "faint")]
            yield _request(attempt, run[-1], width, lane, widest)
        before = max((step.event for step in run), key=lambda event: event.at)
    yield from (line for _, line in waiting)


def _runs(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """The steps; long runs of like ones together, all others one by one."""
    start = 0
    while start < len(steps):
        end = start + 1
        while end < len(steps) and _alike(steps[start], steps[end]):
            end += 1
        if end - start > _LONG_RUN:
            yield steps[start:end]
        else:
            yield from ([step] for step in steps[start:end])
        start = end


def _alike(one: Step, other: Step) -> bool:
    a, b = one.event, other.event
    return (a.stage, a.status, a.method, a.path) == (b.stage, b.status, b.method, b.path)


def _request(attempt: Attempt, step: Step, width: int | None, lane: Lane | None, widest: tuple[int, int]) -> Line:
    event = step.event
    what = _what(event)
    where = _places(event.evidence)
    line: list[Span] = [
        (padded(_offset(event.started_at - attempt.started_at), _OFFSET, right=True), "faint"),
        (f" {_LINK_MARKS[step.link]} ", "warn" if step.link == "ambiguous" else "faint"),
        (padded(stage_name(event.stage.value), _STAGE), ""),
        (padded("-" if event.status is None else str(event.status), 4, right=True), status_tone(event.status, expected=_expected(event))),
        ("  ", ""),
    ]
    if lane is not None:
        line += [(lane.bar(event.started_at, event.at), "wait"), ("  ", "")]
    if width is None:
        return [*line, (padded(what, widest[0]), ""), ("  ", ""), (where, "faint")]
    room = width - sum(cells(text) for text, _ in line) - 2
    share = min(widest[0], max(room - widest[1], room * 3 // 5))
    return [*line, (padded(cut_middle(what, share), share), ""), ("  ", ""), (cut(where, room - share), "faint")]


def _what(event: Event) -> str:
    took = f" ({lasting(event.duration)})" if event.duration is not None and event.duration >= 1 else ""
    return f"{event.method} {event.path}{took}{' (browser)' if event.actor == 'browser' else ''}"


def _offset(seconds: float) -> str:
    if seconds < 1000:
        return f"{seconds:+.3f}"
    minutes, rest = divmod(int(seconds), 60)
    return f"+{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _expected(event: Event) -> bool:
    """Refusals that good attempts hold too: the challenge itself, a metadata variant that is not there, no standalone stream."""
    discovery = event.stage in (Stage.RESOURCE_METADATA, Stage.SERVER_METADATA) and event.status == 404
    stream = event.method == "GET" and event.status == 405
    return (event.stage is Stage.CHALLENGE and event.status == 401) or discovery or stream


def _places(evidence: Sequence[Evidence]) -> str:
    """Lines by their source, neighbours together: `nginx.log:11-13, server.log:40-44, 52`."""
    by_source: dict[str, list[list[int]]] = {}
    for one in sorted(evidence, key=lambda one: one.line):
        ranges = by_source.setdefault(one.source, [])
        if ranges and one.line <= ranges[-1][1] + 1:
            ranges[-1][1] = max(ranges[-1][1], one.end_line)
        else:
            ranges.append([one.line, one.end_line])
    return ", ".join(f"{source}:{', '.join(map(_range, ranges))}" for source, ranges in by_source.items())


def _range(lines: list[int]) -> str:
    return str(lines[0]) if lines[0] == lines[1] else f"{lines[0]}-{lines[1]}"


def _missing(attempt: Attempt, width: int | None) -> Iterator[Line]:
    """The stage that should have come, then what else was not there to be seen."""
    unseen = [state for state in attempt.stages if state.state != "seen"]
    awaited = next((state for state in unseen if state.stage.value == attempt.stuck_at), None) if never_came(attempt) else None
    if awaited is not None:
        hidden = f"not observable here: {awaited.reason or 'no log shows it'}"
        said = "never came, and we were listening" if awaited.state == "not_seen" else hidden
        mark: Line = [(" " * _OFFSET, ""), (" ✕ ", "warn"), (padded(stage_name(awaited.stage.value), _STAGE), "warn")]
        indent = _OFFSET + 3 + _STAGE + 6
        for number, text in enumerate(wrapped(said, None if width is None else width - indent)):
            yield [*mark, ("   -  ", "faint"), (text, "")] if number == 0 else [(" " * indent, ""), (text, "")]
    asked_for = {step.event.stage for step in attempt.steps}  # what was refused came, and stands above with its answer
    others = [state for state in unseen if state is not awaited and state.stage not in asked_for]
    yield from _aside("not seen", [stage_name(state.stage.value) for state in others if state.state == "not_seen"], width)
    yield from _aside("not observable here", [_hidden(state) for state in others if state.state == "not_observable"], width)


def _hidden(state: StageState) -> str:
    name = stage_name(state.stage.value)
    return f"{name} ({state.reason})" if state.reason else name


def _aside(title: str, names: Sequence[str], width: int | None) -> Iterator[Line]:
    if names:
        indent = " " * (_OFFSET + 3)
        for text in wrapped(f"{title}: {', '.join(names)}", None if width is None else width - len(indent)):
            yield [(indent, ""), (text, "faint")]


def _legend(attempt: Attempt, width: int | None) -> Iterator[Line]:
    used = [words for link, words in _LINK_WORDS.items() if any(step.link == link for step in attempt.steps)]
    indent = " " * (_OFFSET + 3)
    if width is not None and len(indent) + len("   ".join(used)) > width:
        for words in used:
            yield [(indent + words, "faint")]
    elif used:
        yield [(indent + "   ".join(used), "faint")]


def _diagnoses(attempt: Attempt, width: int | None) -> Iterator[Line]:
    for number, diagnosis in enumerate(attempt.diagnoses):
        yield []
        yield from _diagnosis(diagnosis, width, best=number == 0)


def _diagnosis(diagnosis: Diagnosis, width: int | None, *, best: bool) -> Iterator[Line]:
    yield [
        ("likely   " if best else "or       ", "faint"),
        (diagnosis.code, "strong" if best else ""),
        (f"  {percent(diagnosis.confidence)}", "faint"),
    ]
    yield from _paragraph("", diagnosis.summary, width)
    yield from _paragraph("do", diagnosis.remedy, width)
    if best:
        for check in diagnosis.checks:
            yield from _paragraph("check", check, width)
        yield from _paragraph("unless", diagnosis.refuted_by, width)
        yield from _paragraph("lines", _places(diagnosis.evidence), width)
        for reference in diagnosis.see:
            yield from _paragraph("see", reference, width)


def _paragraph(title: str, text: str, width: int | None) -> Iterator[Line]:
    if text:
        for number, line in enumerate(wrapped(text, None if width is None else width - 9)):
            yield [(padded(title if number == 0 else "", 9), "faint"), (line, "")]
