"""Attempts made by hand, for tests of what is shown of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from connwatch.model.attempt import Attempt, Outcome, StageState, Step
from connwatch.model.change import Change, Closed
from connwatch.model.diagnosis import Diagnosis
from connwatch.model.event import Actor, Event, Evidence, Link, Stage
from connwatch.model.record import Unparsed
from connwatch.model.taken import Place, Taken

T = 1_795_420_266.5104  # 2026-11-23T07:51:06.510Z
HOST = "mcp.example.org"


def a_step(stage: Stage, at: float, request: str, status: int | None, *places: str, link: Link = "exact", **more: Any) -> Step:
    """`at` in seconds after T, `request` as "POST /mcp", `places` as "nginx.log:12" or "server.log:40-44"."""
    method, _, path = request.partition(" ")
    evidence = []
    for place in places:
        source, _, lines = place.rpartition(":")
        first, _, last = lines.partition("-")
        evidence.append(Evidence(source, int(first), int(last or first)))
    duration: float = more.pop("duration", 0.004)
    actor: Actor = more.pop("actor", "backend")
    event = Event(
        at=T + at + duration, started_at=T + at, stage=stage, method=method, path=path, status=status, host=HOST, address="203.0.113.7",
        agent=None, actor=actor, client="claude", hint=None, noise="", size=120, duration=duration, upstream=None, authorization=None,
        redirect_host=None, resource=None, coarse=False, evidence=evidence, **more,
    )  # fmt: skip
    return Step(event, link)


def the_silence(identity: str = "7f3c21a9", place: str = "nginx.log") -> Attempt:
    """Everything good up to the token, then nothing."""
    steps = [
        a_step(Stage.CHALLENGE, 0, "POST /mcp", 401, f"{place}:12", "server.log:40-44"),
        a_step(Stage.RESOURCE_METADATA, 0.31, "GET /.well-known/oauth-protected-resource/mcp", 404, f"{place}:13"),
        a_step(Stage.RESOURCE_METADATA, 0.36, "GET /.well-known/oauth-protected-resource", 200, f"{place}:14"),
        a_step(Stage.SERVER_METADATA, 0.52, "GET /.well-known/oauth-authorization-server", 200, f"{place}:15"),
        a_step(Stage.REGISTRATION, 0.9, "POST /oauth/register", 201, f"{place}:16", duration=0.6),
        a_step(Stage.AUTHORIZATION, 9.8, "GET /oauth/authorize", 302, f"{place}:17", actor="browser", link="inferred"),
        a_step(Stage.TOKEN, 14.2, "POST /oauth/token", 200, f"{place}:18", duration=1.8, link="ambiguous"),
    ]
    states = [StageState(step.event.stage, "seen", step.event.at, step.event.status) for step in steps]
    states += [
        StageState(Stage.SESSION, "not_seen"),
        StageState(Stage.CONSENT, "not_observable", reason="the authorization server is another host"),
    ]
    return Attempt(
        id=identity, steps=steps, client="claude", server=HOST, entry=Stage.CHALLENGE, outcome=Outcome.STALLED, stuck_at="session",
        started_at=T, ended_at=steps[-1].event.at, stages=states,
        diagnoses=[
            Diagnosis(
                "token-unused", 0.62,
                "A token was issued, and no MCP request came with it. Five causes look alike in one log.",
                "Look into the security log of the network in front of the proxy for requests by Claude-User within ten seconds of the token.",
                "an MCP request with a token in a log that was not given here",
                [Evidence(place, 18, 18)],
                ["bot rules that refuse the second HTTP client of the product", "the issuer in the metadata against the URL it was fetched from"],
                ["https://www.rfc-editor.org/rfc/rfc8414#section-3.3"],
            ),
            Diagnosis("metadata-unusable", 0.2, "The documents were served but may not fit.", "Compare issuer and URL.", "a connection", []),
        ],
    )  # fmt: skip


def connected(identity: str = "0b11e2d4", calls: int = 12, client: str = "chatgpt") -> Attempt:
    """A good attempt with a session of many calls."""
    steps = [
        a_step(Stage.CHALLENGE, 100, "POST /mcp", 401, "nginx.log:30"),
        a_step(Stage.TOKEN, 160, "POST /oauth/token", 200, "nginx.log:31"),
        *(a_step(Stage.CALL, 161 + number, "POST /mcp", 200, f"nginx.log:{32 + number}") for number in range(calls)),
    ]
    return Attempt(
        id=identity, steps=steps, client=client, server=HOST, outcome=Outcome.CONNECTED, started_at=T + 100, ended_at=T + 161 + calls,
        stages=[StageState(Stage.CHALLENGE, "seen", T + 100, 401), StageState(Stage.REGISTRATION, "not_seen")],
    )  # fmt: skip


def a_probe(identity: str = "dead0001") -> Attempt:
    """Somebody's health check."""
    step = a_step(Stage.PROBE, 3, "GET /", 404, "nginx.log:2")
    return Attempt(id=identity, steps=[step], server=HOST, outcome=Outcome.PROBE, started_at=T + 3, ended_at=T + 3, noise="health-check")


@dataclass
class _Stats:
    lines: int = 0
    unparsed: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"lines": self.lines, "unparsed": self.unparsed}


@dataclass
class ToldEngine:
    """Stands for the engine where only the showing matters: it counts lines and answers with the attempts that it was given."""

    attempts: list[Attempt]
    unparsed: list[Unparsed] = field(default_factory=list)
    fed: dict[str, bytes] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    unheard: set[str] = field(default_factory=set)

    def open_source(self, name: str, format: str = "auto", at: Place | None = None) -> None:  # noqa: A002
        self.formats[name] = format

    def place(self, source: str) -> Place:
        return Place(self.fed.get(source, b"").count(b"\n"))

    def taken(self) -> list[Taken]:
        return []

    def feed(self, source: str, block: bytes, seen_at: float | None = None) -> None:
        self.fed[source] = self.fed.get(source, b"") + block

    def is_calm(self, watermark: float) -> bool:
        return True

    def frontier(self, source: str) -> float | None:
        return None

    def oldest(self, source: str) -> float | None:
        return None

    def end_source(self, source: str) -> None:
        """No line of it waits."""

    def deaf(self, sources: Iterable[str]) -> None:
        self.unheard = set(sources)

    def advance(self, watermark: float) -> list[Change]:
        return []

    def finish(self) -> list[Change]:
        return [Closed(attempt.ended_at, attempt) for attempt in self.attempts]

    def stats(self) -> _Stats:
        return _Stats(sum(block.count(b"\n") for block in self.fed.values()), len(self.unparsed))

    def samples(self) -> list[Unparsed]:
        return self.unparsed
