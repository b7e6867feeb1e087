"""Whatever secret goes over the wire, nothing that connwatch prints, serves, counts or logs shows it, nor a good part of it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.strategies import spoilt

from connwatch.alerts.policy import Policy, compile_policy
from connwatch.alerts.preview import Preview, preview
from connwatch.alerts.wording import Writer
from connwatch.cli.main import cli
from connwatch.cli.working import causes
from connwatch.diagnose.serial import attempt_detail, change_row
from connwatch.model.change import Change
from connwatch.notify.digest import digest
from connwatch.settings.messages import load_templates
from connwatch.sinks.labels import Labels
from connwatch.sinks.metrics import Metrics
from connwatch.store.codec import written_attempt
from connwatch.store.journal import Journal
from connwatch.store.opening import in_memory
from connwatch.store.turn import Turn
from support import laws
from support.said import catalogue
from support.traffic import HOST, Plan, Traffic, traffic

FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
_PART = 12  # characters of a secret that must not be together anywhere; logs themselves show 8


def leaks(output: str, secrets: list[str]) -> list[str]:
    """The secrets whose beginning or end the output shows."""
    return [secret for secret in secrets if secret[:_PART] in output or secret[-_PART:] in output]


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def with_more(scene: Traffic, cookie: str) -> Traffic:
    """The same with secrets where none belongs: in headers that somebody dumped, in a referer, in an agent, in a line of no format."""
    scene.logs["nginx.log"] += (
        f"2026-11-23T08:00:30.000000000Z nginx.1     | {HOST} 203.0.113.9 - - [23/Nov/2026:08:00:30 +0000] "
        f'"GET /mcp?access_token={cookie} HTTP/1.1" 401 85 "https://{HOST}/cb?code={cookie}" "agent Bearer {cookie}" "172.20.0.6:8080"\n'
        f"Cookie: sid={cookie}; Authorization: Bearer {cookie}\n"
    ).encode()
    scene.secrets.append(cookie)
    return scene


def everything_served(scene: Traffic) -> str:
    """What programs read: changes and attempts as JSON, open or final, and both forms of the metrics."""
    engine = laws.engine_for(scene.logs, live=True, recording=True)
    metrics, turn, told = Metrics(Labels((HOST,), causes(catalogue()))), Turn(), []
    out: list[str] = []

    def hear(changes: list[Change]) -> None:
        metrics.receive(changes)
        told.extend(change.attempt for change in changes)
        out.extend(json.dumps(change_row(change)) + repr(change) for change in changes)

    for name, text in sorted(scene.logs.items()):
        engine.feed(name, text)
        turn.take(engine.taken(), 0.0)
    fronts = [front for name in scene.logs if (front := engine.frontier(name)) is not None]
    for step in range(8):
        hear(engine.advance(max(fronts, default=0.0) - 7.0 + step))
        out += [json.dumps(attempt_detail(attempt)) for attempt in engine.open_attempts()]
    hear(engine.finish())
    out += [json.dumps(attempt_detail(attempt)) + written_attempt(attempt) for attempt in told]
    out += [row[-1] for row in turn.taken]
    out += [metrics.text(accept)[0].decode() for accept in ("", "application/openmetrics-text")]
    out += [repr(engine.samples()), json.dumps(engine.stats().as_dict())]
    return "\n".join(out)


def everything_printed(scene: Traffic) -> str:
    """What people read: tables, waterfalls, reports and explanations, on both streams."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, text in sorted(scene.logs.items()):
            files.append(str(Path(folder) / name))
            Path(files[-1]).write_bytes(text)
        run = CliRunner().invoke
        rows = run(cli, ["replay", "--json", *files])
        ids = [json.loads(line)["id"] for line in rows.stdout.splitlines()]
        results = [rows, run(cli, ["replay", *files]), run(cli, ["replay", "--stats", *files])]
        for name in ids[:3]:
            results += [run(cli, ["replay", "--attempt", name, *files]), run(cli, ["report", "--attempt", name, *files])]
        text = b"\n".join(scene.logs[name] for name in sorted(scene.logs)).decode("utf-8", "replace").splitlines()
        results += [run(cli, ["explain", "-"], input=line) for line in text[:: max(1, len(text) // 8)]]
        for result in results:
            assert result.exit_code in (0, 1, 2), result.output
        return "\n".join(result.stdout + result.stderr for result in results)


def everything_told(scene: Traffic) -> str:
    """What people are told: every alert as a message, in all three forms, and what the state keeps of alerts, messages and what waits."""
    engine = laws.engine_for(scene.logs, live=True)
    for name, text in sorted(scene.logs.items()):
        engine.feed(name, text)
    changes = engine.finish()
    shipped = compile_policy(catalogue().alerts, catalogue().diagnoses)
    loud = Policy([replace(rule, severity="high") for rule in shipped.rules], shipped.titles)
    seen = preview(loud, [(max((change.at for change in changes), default=0.0), changes)])
    writer = Writer(load_templates(), loud.titles)
    texts = [writer.write(notice, seen.attempts.get) for notice in seen.notices]
    forms = [*texts, digest(texts)] if texts else []
    return "\n".join([*(f"{one.title}\n{one.plain}\n{one.markdown}\n{one.html}" for one in forms), *kept(seen)])


def kept(seen: Preview) -> list[str]:
    """Every row of the tables that are about telling, as a daemon's journal writes them."""

    async def rows() -> list[str]:
        opened = in_memory()
        journal = Journal(opened)
        turn = Turn(1.0, alerts=list(seen.alerts.values()), notices=[(notice, ["phone"]) for notice in seen.notices])
        await journal.commit(turn)
        await journal.flush()
        found = await journal.within(
            lambda connection: [repr(row) for table in ("alerts", "notices", "outbox") for row in connection.execute(f"SELECT * FROM {table}")]
        )
        await journal.close()
        assert len(found) >= len(seen.alerts) + 2 * len(seen.notices)
        return found

    return asyncio.run(rows())


COOKIES = st.binary(min_size=18, max_size=24).filter(lambda raw: len(set(raw)) > 12).map(bytes.hex)


@FEW
@given(spoilt(), COOKIES)
def test_no_planted_secret_is_served(scene: Traffic, cookie: str) -> None:
    scene = with_more(scene, cookie)
    with logged() as stream:
        assert leaks(everything_served(scene), scene.secrets) == []
    assert leaks(stream.getvalue(), scene.secrets) == []


@FEW
@given(spoilt(), COOKIES)
def test_no_planted_secret_is_printed(scene: Traffic, cookie: str) -> None:
    scene = with_more(scene, cookie)
    with logged() as stream:
        assert leaks(everything_printed(scene), scene.secrets) == []
    assert leaks(stream.getvalue(), scene.secrets) == []


@FEW
@given(spoilt(), COOKIES)
def test_no_planted_secret_is_told_to_people_or_kept_for_them(scene: Traffic, cookie: str) -> None:
    scene = with_more(scene, cookie)
    with logged() as stream:
        assert leaks(everything_told(scene), scene.secrets) == []
    assert leaks(stream.getvalue(), scene.secrets) == []


def test_there_is_something_to_tell_of_planted_traffic() -> None:
    """Else nothing would be proved: a refused attempt is a message that shows its requests."""
    scene = with_more(traffic([Plan("refreshes"), Plan("streams", "chatgpt", 1.0)]), "0123456789abcdef" * 2)
    said = everything_told(scene)
    assert "→" in said
    assert HOST in said
    assert "Evidence" in said


def test_the_planted_secrets_are_in_the_logs() -> None:
    """Else nothing would be proved."""
    scene = traffic([Plan("refreshes"), Plan("streams", "chatgpt", 1.0)])
    text = b"\n".join(scene.logs.values()).decode()
    assert len(scene.secrets) > 12
    assert set(leaks(text, scene.secrets)) == set(scene.secrets)
