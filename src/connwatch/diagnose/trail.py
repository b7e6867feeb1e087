"""An attempt in one line: `head:404 prm:200 asm:200*2 register:201 authorize:302 token:200 +1.2 post:401`.

A word is a request, the number its answer ("-" unknown), `*n` repeats it, `+s` is a gap in seconds before the next one, `[key=value,…]` sets
what matters of an event beside that: path, upstream, bearer (yes, no), client, size, duration, link, or a fact. Stories are written in it,
and the examples in the catalogue are read from it. It holds no value of a log but statuses, unless an example says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

from connwatch.model.attempt import Step
from connwatch.model.errors import ConfigError
from connwatch.model.event import Actor, Event, Evidence, Link, Stage

__all__ = ["WORDS", "read_trail", "word_of", "write_trail"]

# word -> stage, method, path
WORDS: Final[dict[str, tuple[Stage, str, str]]] = {
    "head": (Stage.PROBE, "HEAD", "/"),
    "post": (Stage.SESSION, "POST", "/mcp"),
    "get": (Stage.STREAM, "GET", "/mcp"),
    "sniff": (Stage.SESSION, "HEAD", "/mcp"),
    "delete": (Stage.CLOSE, "DELETE", "/mcp"),
    "initialize": (Stage.INITIALIZE, "POST", "/mcp"),
    "initialized": (Stage.INITIALIZED, "POST", "/mcp"),
    "discover": (Stage.DISCOVER, "POST", "/mcp"),
    "list": (Stage.LIST, "POST", "/mcp"),
    "call": (Stage.CALL, "POST", "/mcp"),
    "prm": (Stage.RESOURCE_METADATA, "GET", "/.well-known/oauth-protected-resource"),
    "asm": (Stage.SERVER_METADATA, "GET", "/.well-known/oauth-authorization-server"),
    "register": (Stage.REGISTRATION, "POST", "/oauth/register"),
    "authorize": (Stage.AUTHORIZATION, "GET", "/oauth/authorize"),
    "page": (Stage.CONSENT, "GET", "/consent"),
    "decide": (Stage.CONSENT, "POST", "/consent"),
    "token": (Stage.TOKEN, "POST", "/oauth/token"),
    "refresh": (Stage.REFRESH, "POST", "/oauth/token"),
    "options": (Stage.PREFLIGHT, "OPTIONS", "/mcp"),
    "other": (Stage.OTHER, "GET", "/favicon.ico"),
}
_BROWSER: Final = {"authorize", "page", "decide", "other"}
_BY_STAGE: Final = {stage: word for word, (stage, _, _) in WORDS.items() if word not in ("post", "sniff", "get")}
_ITEM = re.compile(r"([a-z]+):(\d{3}|-)(?:\[([^\]]*)\])?(?:\*(\d{1,2}))?")
_GAP: Final = 0.4
_START: Final = 1_780_000_000.0


def word_of(event: Event) -> str:
    """The word of an event's request."""
    if event.stage in (Stage.SESSION, Stage.CHALLENGE, Stage.STEP_UP, Stage.STREAM):
        return {"GET": "get", "HEAD": "sniff", "DELETE": "delete"}.get(event.method, "post")
    if event.stage is Stage.CONSENT and event.method == "POST":
        return "decide"
    if event.stage is Stage.CONSENT:
        return "page"
    return _BY_STAGE.get(event.stage, "other")


def write_trail(steps: Iterable[Step], longest: int = 60) -> str:
    """The trail of an attempt: at most `longest` words, equal neighbours counted, gaps of two seconds and more shown."""
    words: list[list[str | int]] = []
    previous: Event | None = None
    for step in steps:
        event = step.event
        gap = event.started_at - previous.at if previous is not None else 0.0
        word = f"{word_of(event)}:{event.status if event.status is not None else '-'}"
        previous = event
        if gap < 2 and words and words[-1][0] == word:
            words[-1][1] = int(words[-1][1]) + 1
            continue
        if gap >= 2:
            words.append([f"+{gap:.0f}", 1])
        words.append([word, 1])
    texts = [f"{word}*{count}" if int(count) > 1 else str(word) for word, count in words[:longest]]
    return " ".join(texts) + (" …" if len(words) > longest else "")


def read_trail(text: str, where: str = "", client: str | None = None) -> list[Step]:
    """The steps that a trail describes, half a second apart unless it says otherwise. Raises ConfigError for what is no trail."""
    steps: list[Step] = []
    at = _START
    for item in text.split():
        if item.startswith("+"):
            try:
                at += float(item[1:]) - _GAP
            except ValueError as error:
                raise ConfigError(f"no gap: {item!r}", file=where, key="trail", hint="+1.5") from error
            continue
        match = _ITEM.fullmatch(item)
        if match is None or match[1] not in WORDS:
            raise ConfigError(f"no step: {item!r}", file=where, key="trail", hint=f"word:status, words: {', '.join(WORDS)}")
        for _ in range(int(match[4] or 1)):
            at += _GAP
            steps.append(_step(match[1], match[2], match[3] or "", at, len(steps) + 1, client, where))
    return steps


def _step(word: str, status: str, settings: str, at: float, line: int, client: str | None, where: str) -> Step:
    stage, method, path = WORDS[word]
    actor: Actor = "browser" if word in _BROWSER else "backend"
    event = Event(
        at=at,
        started_at=at,
        stage=stage,
        method=method,
        path=path,
        status=None if status == "-" else int(status),
        host="mcp.example.org",
        address=None,
        agent=None,
        actor=actor,
        client=None if actor == "browser" else client,
        hint=None,
        noise="",
        size=None,
        duration=None,
        upstream=None,
        authorization=None,
        redirect_host=None,
        resource=None,
        coarse=False,
        evidence=[Evidence("example", line, line)],
        serial=(0, line),
    )
    link: Link = "exact"
    for setting in filter(None, settings.split(",")):
        key, _, value = setting.partition("=")
        if key == "link":
            link = cast("Link", value)
        else:
            _set(event, key, value, where)
    return Step(event, link)


def _set(event: Event, key: str, value: str, where: str) -> None:
    try:
        if key in ("path", "upstream", "client", "host", "hint"):
            setattr(event, key, value)
        elif key == "bearer":
            event.authorization = value == "yes"
        elif key == "size":
            event.size = int(value)
        elif key == "duration":
            event.duration = float(value)
            event.at = event.started_at + event.duration
        elif key == "key":
            event.keys.append((value, "example"))
        else:
            event.facts[key] = value
    except ValueError as error:
        raise ConfigError(f"no number: {key}={value}", file=where, key="trail", hint=f"{key}=12") from error
