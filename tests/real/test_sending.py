"""Real sends: Apprise in its own process, to a mail server and web servers on loopback, also ones that hang, refuse or never stop answering."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connwatch.alerts.policy import compile_policy
from connwatch.alerts.preview import preview
from connwatch.alerts.wording import Writer
from connwatch.cli.main import cli
from connwatch.cli.previewing import turns_of_logs
from connwatch.engine import Engine, EngineOptions
from connwatch.model.errors import ConfigError
from connwatch.notify.courier import Courier
from connwatch.notify.post import Outcome, check_targets, post
from connwatch.notify.sample import sample
from connwatch.notify.targets import Target, parse_targets
from connwatch.settings.loader import load_catalogue
from connwatch.settings.messages import load_templates
from connwatch.sources.finished import Finished
from support.live import free_port, until
from support.parcels import NOON, Clock, MemoryQueue, message
from support.services import mail, web

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
PASSWORD, TOKEN, TOPIC = "hunter2Canary", "tokenCanary99", "topicCanary"
#: Generous: a process with Apprise in it takes a second where nothing else runs, and many where much does.
PATIENCE = 60.0


def sent(url: str, deadline: float = PATIENCE) -> Outcome:
    (target,) = parse_targets(url, "targets").targets
    return asyncio.run(post(target, sample(), deadline))


def mail_url(port: int, more: str = "") -> str:
    return f"mailto://127.0.0.1:{port}/?from=connwatch@example.org&to=ops@example.org&smtp=127.0.0.1&mode=insecure{more}"


def children(of: int | None = None) -> Iterator[Path]:
    """The sending processes of a process; of this one, where none is named."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == (of or os.getpid()) and b"connwatch.notify.deliver" in folder.joinpath("cmdline").read_bytes():
                yield folder


class TestWhatArrives:
    def test_a_letter_with_both_parts(self) -> None:
        with mail() as (port, letters):
            assert sent(mail_url(port)).error == ""
        (letter,) = letters
        assert letter["Subject"] == sample().title
        assert letter["To"] == "ops@example.org"
        parts = {part.get_content_type(): part.get_content().strip().replace("\r\n", "\n") for part in letter.iter_parts()}  # type: ignore[attr-defined]
        assert parts == {"text/plain": sample().plain, "text/html": sample().html}

    def test_a_message_to_a_web_hook(self) -> None:
        with web() as service:
            assert sent(service.url(f"/hook/{TOKEN}", "json", f"me:{PASSWORD}@")).sent
        (asked,) = service.requests
        told = json.loads(asked.body)
        assert (asked.method, asked.path) == ("POST", f"/hook/{TOKEN}")
        assert asked.headers["Authorization"] == "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        assert (told["title"], told["message"], told["type"]) == (sample().title, sample().plain, "failure")

    def test_a_message_to_ntfy(self) -> None:
        with web() as service:
            assert sent(service.url("/topic", "ntfy")).sent
        (asked,) = service.requests
        assert json.loads(asked.body) == {"topic": "topic", "title": sample().title, "message": sample().plain}

    def test_the_form_that_the_url_asks_for(self) -> None:
        with web() as service:
            assert sent(service.url("/topic?format=markdown", "ntfy")).sent
        assert json.loads(service.requests[0].body)["message"] == sample().markdown


class TestWhatDoesNot:
    def test_refused(self) -> None:
        assert sent(f"json://127.0.0.1:{free_port()}/").error == "refused the connection"
        assert sent(mail_url(free_port())).error == "refused the connection"

    def test_an_error_of_the_service_is_said_by_its_number(self) -> None:
        with web(status=500) as service:
            assert sent(service.url("/", "json")).error == "answered 500 Internal Server Error"
        with web(status=403) as service:
            assert sent(service.url("/topic", "ntfy")).error == "answered 403 Forbidden; check the password or token in its URL"

    def test_a_service_that_repeats_the_password_is_not_quoted(self) -> None:
        with web(raw=f"HTTP/1.1 500 {PASSWORD}\r\nX-Error: {PASSWORD}\r\n\r\n{PASSWORD} timed out".encode()) as service:
            assert sent(service.url("/", "json", f"me:{PASSWORD}@")).error == "answered 500 Internal Server Error"
        with web(raw=f"{PASSWORD}\r\n\r\n".encode()) as service:
            assert PASSWORD not in sent(service.url("/", "json", f"me:{PASSWORD}@")).error

    def test_a_time_out_of_the_users_own_holds(self) -> None:
        with web(silent=True) as service:
            outcome = sent(service.url("/?rto=1", "json"))
        assert outcome.error == "did not answer in time"

    def test_one_that_accepts_and_never_answers_is_ended_at_the_deadline(self) -> None:
        with web(silent=True) as service:
            outcome = sent(service.url("/?rto=60", "json"), 4)
        assert outcome.error == "did not answer within 4 s"
        assert 4 <= outcome.seconds < 15
        assert list(children()) == []

    def test_one_that_never_stops_answering_ends_nothing_but_the_sending_process(self) -> None:
        with web(endless=True) as service:
            outcome = sent(service.url("/", "json"))
        assert outcome.error == "answered with more than can be taken"
        assert len(service.requests) == 1

    def test_what_is_no_url_of_apprise(self) -> None:
        assert sent("nosuch://example.org").error == "is no URL that Apprise takes; `connwatch check` says more"


def test_being_cancelled_ends_the_process() -> None:
    async def run() -> None:
        with web(silent=True) as service:
            sending = asyncio.create_task(post(Target("a", service.url("/?rto=60", "json")), sample(), PATIENCE))
            await until(lambda: bool(service.requests), PATIENCE)
            assert len(list(children())) == 1
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            assert list(children()) == []

    asyncio.run(run())


ABANDONED = """
import asyncio, sys
from connwatch.notify.post import post
from connwatch.notify.sample import sample
from connwatch.notify.targets import Target
asyncio.run(post(Target("a", sys.argv[1]), sample(), 3))
"""


def test_a_process_whose_parent_was_killed_ends_itself() -> None:
    with web(silent=True) as service:
        parent = subprocess.Popen([sys.executable, "-c", ABANDONED, service.url("/?rto=60", "json")])
        try:
            asyncio.run(until(lambda: bool(list(children(parent.pid))), PATIENCE))
            (child,) = children(parent.pid)
        finally:
            parent.kill()
            parent.wait()

        def gone() -> bool:
            try:
                return child.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                return True

        asyncio.run(until(gone, PATIENCE))


def test_no_secret_of_a_url_is_in_what_others_can_read(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    canaries = [PASSWORD, TOKEN, TOPIC]

    async def run() -> None:
        with web(silent=True) as service:
            url = service.url(f"/{TOPIC}?rto=60&:X-Token={TOKEN}", "json", f"me:{PASSWORD}@")
            monkeypatch.setenv("CONNWATCH_TARGETS", url)
            (target,) = parse_targets(url, "targets").targets
            sending = asyncio.create_task(post(target, sample(), PATIENCE))
            await until(lambda: bool(service.requests), PATIENCE)
            (folder,) = children()
            for name in ("cmdline", "environ"):
                readable = folder.joinpath(name).read_bytes().decode(errors="replace")
                assert [canary for canary in canaries if canary in readable] == []
            service.over.set()
            outcome = await sending
            assert not outcome.sent
            told = f"{target} {target!r} {outcome!r} {target.name} {target.tags}"
            assert [canary for canary in canaries if canary in told] == []

    asyncio.run(run())
    assert [canary for canary in canaries if canary in caplog.text] == []


def test_a_courier_with_one_target_that_hangs_one_that_fails_and_one_that_works(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        with web(silent=True) as silent, web(status=503) as down, mail() as (port, letters):
            lines = [f"name:hangs={silent.url('/?rto=60', 'json')}", f"name:down={down.url(f'/{TOKEN}', 'json')}", f"name:mail={mail_url(port)}"]
            targets = parse_targets("\n".join(lines), "targets").targets
            queue, clock = MemoryQueue(), Clock()
            for target in targets:
                queue.put(target.name, message("Claude cannot connect"), NOON)
            courier = Courier(targets, queue, clock, deadline=PATIENCE)
            courier.start()
            await until(lambda: bool(letters) and bool(down.requests) and len(queue.noted) == 2, PATIENCE)
            figures = {one.name: (one.sent, one.failures, one.pending) for one in courier.figures()}
            assert figures == {"hangs": (0, 0, 1), "down": (0, 1, 1), "mail": (1, 0, 0)}
            await courier.stop(0.1)
            assert list(children()) == []

    asyncio.run(run())
    assert caplog.messages == ["down answered 503 Service Unavailable; it is tried again"]


def test_apprise_is_asked_whether_it_takes_the_urls() -> None:
    def checked(text: str) -> str:
        try:
            return asyncio.run(check_targets(parse_targets(text, "targets").targets)) or "fine"
        except ConfigError as error:
            return str(error)

    assert checked("") == "fine"
    assert checked("json://example.org\nntfy://topic\nmailto://me:x@example.org") == "fine"
    assert checked(f"json://example.org\nnosuch://{TOKEN}/") == "targets:2: Apprise knows no service nosuch:// (its documentation lists the services)"
    refused = checked(f"tgram://{TOKEN}/")
    assert refused.startswith("targets:1: what stands after tgram:// is not what Apprise expects")
    assert TOKEN not in refused


class TestTheCommand:
    def run(self, targets: str, *args: str) -> Result:
        result = CliRunner().invoke(cli, list(args), env={"CONNWATCH_TARGETS": targets})
        assert PASSWORD not in result.output
        return result

    def test_each_outcome_has_its_status(self) -> None:
        with web() as works, web(status=500) as down:
            good, bad = f"name:good={works.url('/', 'json')}", f"name:bad={down.url('/', 'json', f'me:{PASSWORD}@')}"
            result = self.run(f"{good}\n{bad}", "notify", "--test")
            assert result.exit_code == 1
            assert [line.split()[:3] for line in result.stdout.splitlines()] == [
                ["TARGET", "SCHEMA", "RESULT"],
                ["good", "json", "sent"],
                ["bad", "json", "failed"],
            ]
            assert result.stdout.splitlines()[2].endswith("answered 500 Internal Server Error")
            assert self.run(f"{good}\n{bad}", "notify", "--test", "good").exit_code == 0
            unreached = self.run(bad, "notify", "--test", "--json")
            assert unreached.exit_code == 3
            row = json.loads(unreached.stdout)
            assert (row["target"], row["schema"], row["result"], row["error"]) == ("bad", "json", "failed", "answered 500 Internal Server Error")

    def test_check_names_the_targets_and_what_is_wrong_with_them(self) -> None:
        fine = self.run(f"name:good=json://me:{PASSWORD}@example.org\nheartbeat=https://hc.example.org/{PASSWORD}", "check")
        assert "targets        1: good; a heartbeat\n" in fine.stdout
        wrong = self.run(f"nosuch://{PASSWORD}", "check")
        assert wrong.exit_code == 2
        assert "CONNWATCH_TARGETS:1: Apprise knows no service nosuch://" in wrong.stderr


def test_the_examples_in_the_documentation_are_what_arrives() -> None:
    with mail() as (port, letters), web() as service:
        assert sent(mail_url(port)).sent
        assert sent(service.url("/topic", "ntfy")).sent
    assert shown_letter(letters[0].as_string()) == (EXAMPLES / "message.eml").read_text(encoding="utf-8")
    told = json.dumps(json.loads(service.requests[0].body), indent=2) + "\n"
    assert told == (EXAMPLES / "message-ntfy.json").read_text(encoding="utf-8")


def test_the_alert_in_the_documentation_is_what_arrives_of_the_example_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    catalogue = load_catalogue()
    rules = compile_policy(catalogue.alerts, catalogue.diagnoses)
    log = Finished("access.log")
    log.open()
    found = preview(rules, turns_of_logs(Engine(catalogue, EngineOptions(live=True)), [log], 2.0))
    text = Writer(load_templates(), rules.titles).write(found.notices[0], found.attempts.get)
    with mail() as (port, letters), web() as service:
        for url in (mail_url(port), service.url("/topic", "ntfy")):
            (target,) = parse_targets(url, "targets").targets
            assert asyncio.run(post(target, text, PATIENCE)).sent
    told = json.dumps(json.loads(service.requests[0].body), indent=2, ensure_ascii=False) + "\n"
    assert told == (EXAMPLES / "alert-ntfy.json").read_text(encoding="utf-8")
    assert shown_letter(letters[0].as_string()) == (EXAMPLES / "alert.eml").read_text(encoding="utf-8")


def shown_letter(text: str) -> str:
    """The letter as it came; what differs each time is left as dots."""
    boundary = text.partition('boundary="')[2].partition('"')[0]
    lines = text.replace(boundary, "…").splitlines()
    return "\n".join(f"{line.partition(':')[0]}: …" if line.startswith(("Message-ID:", "Date:")) else line for line in lines) + "\n"
