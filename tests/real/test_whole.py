"""A day of somebody who runs an MCP server: everything is real, three things break one after another, and the mails say which.

nginx writes what connwatch asks for. The server is the official SDK's, with its authorization server; ChatGPT is played by the SDK for Python, Cursor
by that for TypeScript, each under the names that the product has. connwatch follows both logs and writes mails; Prometheus and Alertmanager run with
the rules that are shipped. Only times are short.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from support.prometheus import TOKEN, World, wait, world
from support.prometheus import missing as no_prometheus
from support.services import mail
from support.site import CONNWATCH, QUIET
from support.street import CHATGPT, CURSOR, HOST, STOCK, Client, Street
from support.street import missing as no_street

WHY = no_street() or no_prometheus()
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(WHY is not None, reason=str(WHY)),
    pytest.mark.timeout(900),
]

PATIENCE = 120.0  # seconds for what takes ten on a machine that does nothing else
WINDOW = 100  # seconds: what is an hour in Prometheus' rules, of which one asks for three attempts in an hour
#: How long a token may lie unused, in seconds. The shipped limits are twenty seconds and a minute.
LIMITS = "".join(
    f'[[limit]]\nid = "{name}"\nwaiting_for = "session"\nafter = "token"\nhosted = "{hosted}"\nseconds = 5\nthen = "stalled"\nreason = "short"\n'
    for name, hosted in (("session-hosted", "yes"), ("session", "no"))
)


class Day:
    """The street, who watches it, and the mails that came."""

    def __init__(self, street: Street, watched: World, letters: list[EmailMessage], log_format: str) -> None:
        self.street, self.watched, self.letters, self.log_format = street, watched, letters, log_format
        self.read, self.began = 0, time.monotonic()

    def say(self, what: str) -> None:
        """`pytest -s` shows the day as it goes."""
        sys.stdout.write(f"{time.monotonic() - self.began:6.1f} s  {what}\n")

    def connect(self, *clients: Client) -> None:
        assert self.street.tries(*clients) == [""] * len(clients)
        self.say(f"connected: {', '.join(client.family for client in clients)}")

    def fails(self, client: Client, code: str) -> str:
        """Somebody tries three times, each time when connwatch knows of the one before, and gets nowhere; the last thing that the client said."""
        for number in (1, 2, 3):
            (said,) = self.street.tries(client)
            assert said
            wait(lambda number=number: len(self.stopped(client, code)) == number, PATIENCE)
            self.say(f"stopped: {client.family}")
        return said

    def stopped(self, client: Client, code: str) -> list[str]:
        """The attempts of this client that did not get through, all by this cause."""
        rows = [row for row in self.attempts() if row["client"] == client.family and row["outcome"] in ("failed", "stalled")]
        return [row["id"] for row in rows if row["diagnoses"][0]["code"] == code]

    def mail(self, title: str) -> str:
        """The next mail, which has this title; its text."""
        wait(lambda: len(self.letters) > self.read, PATIENCE)
        letter = self.letters[self.read]
        self.read += 1
        self.say(f"mail: {letter['subject']}")
        assert re.fullmatch(title, letter["subject"]), letter.as_string()
        body = letter.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    def alerted(self, name: str, status: str, **labels: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = wait(lambda: self.watched.told.of(name, status, **labels), PATIENCE)
        return found

    def attempts(self) -> list[dict[str, Any]]:
        """What the daemon has recorded."""
        request = urllib.request.Request(f"{self.watched.daemon}/api/attempts?limit=100", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["attempts"]
        return found


def recommended(log: Path) -> str:
    """What connwatch says of a log to somebody who asks: the LOG_FORMAT to set."""
    done = subprocess.run([*CONNWATCH, "check", "--json", str(log)], capture_output=True, text=True, timeout=60, env=QUIET, check=True)
    (look,) = json.loads(done.stdout)["logs"]
    assert look["format"] == "nginx-proxy"
    assert look["missing"], "nothing to gain?"
    return str(look["log_format"])


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """The evening before: the server runs behind nginx as it was installed, people connect, and connwatch is set up as it advises."""
    street = Street(tmp_path)
    try:
        street.server()
        street.proxy(f"log_format connwatch '{STOCK}';")
        assert street.tries(CHATGPT) == [""]
        log_format = f"log_format connwatch '{recommended(street.access)}';"
        street.proxy(log_format)

        with mail() as (port, letters):

            def site(folder: Path, _: int) -> str:
                (folder / "catalogue" / "stages").mkdir(parents=True)
                (folder / "catalogue" / "stages" / "short.toml").write_text(LIMITS)
                (folder / "targets").write_text(
                    f"mailto://127.0.0.1:{port}/?from=connwatch@example.org&to=ops@example.org&smtp=127.0.0.1&mode=insecure\n"
                )
                (folder / "targets").chmod(0o600)
                logs = "".join(
                    f'[[sources]]\nname = "{name}"\nkind = "file"\npath = "{path}"\nformat = "{form}"\nstart = "end"\n'
                    for name, path, form in (("nginx-proxy", street.access, "nginx-proxy-rich"), ("server", street.app, "uvicorn"))
                )
                return (
                    f'{logs}[metrics]\nhosts = ["{HOST}"]\n[engine]\nlateness_seconds = 1\n[catalogue]\ndir = "{folder}/catalogue"\n'
                    f'[alerts]\ntargets_file = "{folder}/targets"\nwait_seconds = 3\ngrace_seconds = 0\nagain_seconds = 1\n'
                )

            with world(tmp_path, site, WINDOW) as watched:
                yield Day(street, watched, letters, log_format)
    finally:
        street.close()


def test_three_faults_three_causes_and_an_end_of_each(day: Day, record_property: Callable[[str, object], None]) -> None:
    street = day.street

    # Morning: everybody connects, nobody is told anything.
    day.connect(CURSOR)
    day.connect(CHATGPT)

    # Somebody switches "block AI bots" on at the edge. ChatGPT's backend still signs in, under another name; its MCP
    # requests never get as far as nginx.
    street.proxy(day.log_format, edge_rule='if ($http_user_agent ~ "^openai-mcp/") { return 403; }')
    day.fails(CHATGPT, "token-unused")
    day.connect(CURSOR)
    text = day.mail(rf"ChatGPT → {HOST}: A token was issued, and no MCP request came \(\d attempts?\)")
    assert "a bot or firewall rule in front refuses the backend's MCP agent (the likeliest" in text

    street.proxy(day.log_format)
    day.connect(CHATGPT)
    day.mail(rf"Works again: ChatGPT → {HOST} \(token-unused, 3 attempts\)")

    # The authorization server is given last year's address of the server: it writes the wrong audience into its tokens.
    street.server("--audience", "https://old.example.org/mcp")
    day.fails(CHATGPT, "token-rejected")
    text = day.mail(rf"ChatGPT → {HOST}: A fresh token was refused \(\d attempts?\)")
    assert "POST /mcp was answered 401 (token-audience)" in text

    street.server()
    day.connect(CHATGPT)
    day.mail(rf"Works again: ChatGPT → {HOST} \(token-rejected, 3 attempts\)")

    # A tidy mind allows https redirect URIs alone: Cursor's own scheme is refused, ChatGPT notices nothing.
    street.server("--web-redirects")
    assert "redirect URIs must be https" in day.fails(CURSOR, "registration-refused")
    day.connect(CHATGPT)
    text = day.mail(rf"Cursor → {HOST}: Registration was refused \(\d attempts?\)")
    assert "POST /register was answered 400" in text

    street.server()
    day.connect(CURSOR)
    day.mail(rf"Works again: Cursor → {HOST} \(registration-refused, 3 attempts\)")

    # Night: Alertmanager has said the same, and of the first that it is over. No mail came beside those above.
    for client, step, cause in (
        ("chatgpt", "session", "token-unused"), ("chatgpt", "session", "token-rejected"), ("cursor", "registration", "registration-refused"),
    ):  # fmt: skip
        day.alerted("ConnwatchStepStalled", "firing", client=client, step=step, cause=cause)
    day.alerted("ConnwatchStepStalled", "resolved", client="chatgpt", step="session", cause="token-unused")
    assert [letter["subject"] for letter in day.letters[day.read :]] == []
    outcomes = Counter((row["client"], row["outcome"]) for row in day.attempts())
    assert outcomes == {
        ("chatgpt", "connected"): 4, ("chatgpt", "stalled"): 3, ("chatgpt", "failed"): 3, ("cursor", "connected"): 3, ("cursor", "failed"): 3
    }  # fmt: skip
    record_property("measured", f"the whole day, three faults told and their ends: {time.monotonic() - day.began:.1f} s")
