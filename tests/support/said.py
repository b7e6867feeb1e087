"""Requests written as one line of text, so that tests read like logs."""

from __future__ import annotations

from urllib.parse import parse_qsl

from connwatch.model.event import Event
from connwatch.model.record import Request
from connwatch.rules.catalogue import Catalogue
from connwatch.rules.stages import Classifier, Options
from connwatch.settings.loader import load_catalogue

AGENTS = {
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "httpx": "python-httpx/0.28.1",
    "claude": "Claude-User",
    "gpt": "openai-mcp/1.0.0",
    "node": "node",
    "curl": "curl/8.7.1",
    "-": None,
}
_catalogue: list[Catalogue] = []


def catalogue() -> Catalogue:
    """The shipped catalogue, loaded once."""
    if not _catalogue:
        _catalogue.append(load_catalogue(examples=True))
    return _catalogue[0]


def request(text: str, line: int = 1, *, host: str | None = "mcp.example.org", role: str = "proxy", **more: object) -> Request:
    """`AGENT METHOD TARGET STATUS [from REFERER] [at ADDRESS]`."""
    agent, method, target, status, *rest = text.split(" ")
    words = dict(zip(rest[::2], rest[1::2], strict=True))
    path, _, query = target.partition("?")
    referer, _, referer_query = words.get("from", "").partition("?")
    made = Request(
        source="log",
        line=line,
        end_line=line,
        at=float(line),
        coarse=False,
        role="app" if role == "app" else "proxy",
        format="test",
        method=method,
        path=path,
        params=dict(parse_qsl(query, keep_blank_values=True)),
        host=host,
        address=words.get("at", "192.0.2.1"),
        agent=AGENTS.get(agent, agent),
        status=int(status),
        referer=referer or None,
        referer_params=dict(parse_qsl(referer_query)),
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


def events(*lines: str, options: Options | None = None) -> list[Event | None]:
    """What a fresh classifier makes of these lines, one second apart."""
    classifier = Classifier(catalogue(), options)
    return [classifier.classify(request(text, number)) for number, text in enumerate(lines, 1)]


def stages(*lines: str, options: Options | None = None) -> list[str | None]:
    """The stages of these lines; noise is written `noise:stage`."""
    return [event and (f"{event.noise}:{event.stage}" if event.noise else str(event.stage)) for event in events(*lines, options=options)]
