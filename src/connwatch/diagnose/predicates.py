"""The closed vocabulary in which a diagnosis says when it holds. Each word compiles to one question about a view.

`when` is a table: all its words must hold. `any` and `none` take arrays of such tables. A question that words cannot ask is a named
function of `NAMED`, called by `is`. Nothing is evaluated from text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from connwatch.diagnose.named import NAMED
from connwatch.diagnose.places import RANK
from connwatch.diagnose.view import View
from connwatch.model.errors import ConfigError
from connwatch.model.event import Event, Stage
from connwatch.model.family import FAMILIES
from connwatch.model.nearest import nearest

__all__ = ["STOPS", "VOCABULARY", "Predicate", "compile_when"]

STOPS: Final = (*(stage.value for stage in Stage), "reach", "nowhere")
"""Where an attempt may have stopped; "nowhere" for a diagnosis of one that went well."""
Predicate = Callable[[View], bool]
_COUNTS: Final = ("tokens", "refreshes", "regranted", "rejections", "challenges", "served", "served_before", "results", "requests", "posts")


def compile_when(when: Any, where: str, key: str) -> Predicate:
    """Compile a `when` table; an empty one always holds. Raises ConfigError that names the word."""
    if not isinstance(when, Mapping):
        raise ConfigError("must be a table", file=where, key=key, hint='when = { stuck = ["token"] }')
    parts: list[Predicate] = []
    for word, value in when.items():
        compiler = VOCABULARY.get(word)
        if compiler is None:
            raise ConfigError(f"unknown word {word!r}", file=where, key=key, hint=f"known: {', '.join(sorted(VOCABULARY))}")
        parts.append(compiler(value, where, f"{key}.{word}"))
    if len(parts) == 1:
        return parts[0]
    return _all(tuple(parts))


def _all(parts: tuple[Predicate, ...]) -> Predicate:
    def holds(view: View) -> bool:
        for part in parts:  # noqa: SIM110 - a generator for each question doubles what a judgement costs
            if not part(view):
                return False
        return True

    return holds


def _texts(value: Any, where: str, key: str, known: tuple[str, ...] = ()) -> frozenset[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ConfigError("must be an array of strings", file=where, key=key, hint='["…"]')
    for item in value:
        if known and item not in known:
            raise ConfigError(f"unknown value {item!r}", file=where, key=key, hint=nearest(item, known) or f"known: {', '.join(known)}")
    return frozenset(value)


def _kind(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, ("good", "refusal", "silence"))
    return lambda view: view.verdict.kind in wanted


def _stuck(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, STOPS)
    return lambda view: view.verdict.stuck in wanted


def _place(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, (*RANK, "challenge"))
    return lambda view: view.verdict.place in wanted


def _status(value: Any, where: str, key: str) -> Predicate:
    if not isinstance(value, list) or not value:
        raise ConfigError("must be an array of statuses", file=where, key=key, hint='[401, "5xx"]')
    single: set[int] = set()
    for item in value:
        if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599:
            single.add(item)
        elif isinstance(item, str) and len(item) == 3 and item[0] in "12345" and item[1:] == "xx":
            single.update(range(int(item[0]) * 100, int(item[0]) * 100 + 100))
        else:
            raise ConfigError(f"no status: {item!r}", file=where, key=key, hint='401 or "5xx"')
    statuses = frozenset(single)
    return lambda view: view.verdict.event is not None and view.verdict.event.status in statuses


def _answered_well(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, tuple(RANK))
    return lambda view: all(view.state.ok(place) for place in wanted)


def _tried(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, tuple(RANK))
    return lambda view: all(view.state.tried(place) for place in wanted)


def _untried(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, tuple(RANK))
    return lambda view: not any(view.state.tried(place) for place in wanted)


def _failed(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, tuple(RANK))
    return lambda view: all(view.state.bad(place) and not view.state.ok(place) for place in wanted)


def _family(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key, FAMILIES)
    return lambda view: view.family in wanted


def _method(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key)
    return lambda view: view.verdict.event is not None and view.verdict.event.method in wanted


def _path(value: Any, where: str, key: str) -> Predicate:
    wanted = _texts(value, where, key)
    return lambda view: view.verdict.event is not None and view.verdict.event.path.rstrip("/").lower() in wanted


def _hosted(value: Any, where: str, key: str) -> Predicate:
    wanted = _flag(value, where, key)
    return lambda view: view.hosted is wanted


def _bearer(value: Any, where: str, key: str) -> Predicate:
    """Whether the decisive request carried an Authorization header; false only where a log says that it did not."""
    wanted = _flag(value, where, key)
    return lambda view: view.verdict.event is not None and view.verdict.event.authorization is wanted


def _proxy(value: Any, where: str, key: str) -> Predicate:
    """Whether the proxy answered by itself: its log names no upstream."""
    wanted = _flag(value, where, key)
    return lambda view: view.verdict.event is not None and (view.verdict.event.upstream in ("-", "")) is wanted


def _facts(event: Event | None, wanted: Mapping[str, frozenset[str]]) -> bool:
    if event is None:
        return False
    return all(any(text in event.facts.get(name, "").lower() for text in texts) for name, texts in wanted.items())


def _fact(value: Any, where: str, key: str) -> Predicate:
    """Facts of the decisive event that contain one of the texts."""
    wanted = _fact_table(value, where, key)
    return lambda view: _facts(view.verdict.event, wanted)


def _any_fact(value: Any, where: str, key: str) -> Predicate:
    """The same of any event of the attempt."""
    wanted = _fact_table(value, where, key)
    return lambda view: any(_facts(step.event, wanted) for step in view.attempt.steps)


def _fact_table(value: Any, where: str, key: str) -> dict[str, frozenset[str]]:
    if not isinstance(value, Mapping):
        raise ConfigError("must be a table of arrays", file=where, key=key, hint='{ cause = ["tls"] }')
    return {name: _texts(texts, where, f"{key}.{name}") for name, texts in value.items()}


def _at_least(value: Any, where: str, key: str) -> Predicate:
    bounds = _bounds(value, where, key)
    return lambda view: all(getattr(view.state, name) >= bound for name, bound in bounds)


def _at_most(value: Any, where: str, key: str) -> Predicate:
    bounds = _bounds(value, where, key)
    return lambda view: all(getattr(view.state, name) <= bound for name, bound in bounds)


def _bounds(value: Any, where: str, key: str) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, Mapping) or not all(name in _COUNTS and isinstance(bound, int) for name, bound in value.items()):
        raise ConfigError("must be a table of counts", file=where, key=key, hint=f"known: {', '.join(_COUNTS)}")
    return tuple(value.items())


def _flag(value: Any, where: str, key: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError("must be true or false", file=where, key=key, hint="true")
    return value


def _is(value: Any, where: str, key: str) -> Predicate:
    names = _texts(value, where, key, tuple(NAMED))
    functions = tuple(NAMED[name] for name in sorted(names))
    return lambda view: all(function(view) for function in functions)


def _any(value: Any, where: str, key: str) -> Predicate:
    parts = _tables(value, where, key)
    return lambda view: any(part(view) for part in parts)


def _none(value: Any, where: str, key: str) -> Predicate:
    parts = _tables(value, where, key)
    return lambda view: not any(part(view) for part in parts)


def _tables(value: Any, where: str, key: str) -> tuple[Predicate, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError("must be an array of tables", file=where, key=key, hint="[{ … }, { … }]")
    return tuple(compile_when(item, where, f"{key}[{number}]") for number, item in enumerate(value))


VOCABULARY: Final[dict[str, Callable[[Any, str, str], Predicate]]] = {
    "kind": _kind,
    "stuck": _stuck,
    "place": _place,
    "status": _status,
    "good_at": _answered_well,
    "tried": _tried,
    "untried": _untried,
    "only_bad_at": _failed,
    "family": _family,
    "hosted": _hosted,
    "method": _method,
    "path": _path,
    "bearer": _bearer,
    "proxy_answered": _proxy,
    "fact": _fact,
    "any_fact": _any_fact,
    "at_least": _at_least,
    "at_most": _at_most,
    "is": _is,
    "any": _any,
    "none": _none,
}
