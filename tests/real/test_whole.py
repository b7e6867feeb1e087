"""A day of somebody who runs an MCP server: everything is real, three things break one after another, and the mails say which.

nginx writes what connwatch asks for. The server is the official SDK's, with its authorization server; ChatGPT is played by the SDK for Python, Cursor by
that for TypeScript, each under the names that the product has. connwatch follows both logs and writes mails; Prometheus and Alertmanager run with the
rules that are shipped. Only times are short: what is an hour in the rules is `WINDOW` seconds here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from support.prometheus import World, wait, world
from support.prometheus import missing as no_prometheus
from support.services import mail
from support.site import CONNWATCH, QUIET
from support.street import CHATGPT, CURSOR, HOST, STOCK, Client, Street
from support.street import missing as no_street

WHY = no_street() or no_prometheus()
pytestmark = [pytest.mark.real, pytest.mark.skipif(WHY is not None, reason=str(WHY)), pytest.mark.timeout(300)]

#: How long a token may lie unused, in seconds. The shipped limits are twenty seconds and a minute.
LIMITS = "".join(
    f'[[limit]]\nid = "{name}"\nwaiting_for = "session"\nafter = "token"\nhosted = "{hosted}"\nseconds = 5\nthen = "stalled"\nreason = "short"\n'
    for name, hosted in (("session-hosted", "yes"), ("session", "no"))
)


class Day:
    """The street, who watches it, and the mails that came."""

    def __init__(self, street: Street, watched: World, letters: list[EmailMessage], log_format: str) -> None:
        self.street, self.watched, self.letters, self.log_format = street, watched, letters, log_format
        self.read = 0

    def connect(self, *clients: Client) -> None:
        assert self.street.tries(*clients) == [""] * len(clients)

    def fails(self, client: Client, times: int = 3) -> str:
        """Somebody tries so often, one after the other, and gets nowhere; the last thing that the client said."""
        said = [self.street.tries(client)[0] for _ in range(times)]
        assert all(said), said
        return said[-1]

    def mail(self, title: str, *, seconds: float = 40) -> str:
        """The next mail, which has this title; its text."""
        wait(lambda: len(self.letters) > self.read, seconds)
        letter = self.letters[self.read]
        self.read += 1
        print(letter["subject"])
        assert re.fullmatch(title, letter["subject"]), letter.as_string()
        body = letter.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    def alerted(self, name: str, status: str, **labels: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = wait(lambda: self.watched.told.of(name, status, **labels))
        return found

    def ask(self, *args: str) -> list[dict[str, Any]]:
        command = [*CONNWATCH, *args, "--json", "--config", f"{self.watched.folder}/connwatch.toml"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=QUIET, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]


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
                (folder / "targets").write_text(f"mailto://127.0.0.1:{port}/?from=connwatch@example.org&to=ops@example.org&smtp=127.0.0.1&mode=insecure\n")
                (folder / "targets").chmod(0o600)
                logs = "".join(
                    f'[[sources]]\nname = "{name}"\nkind = "file"\npath = "{path}"\nstart = "end"\n'
                    for name, path in (("nginx-proxy", street.access), ("server", street.app))
                )
                return (
                    f'{logs}[metrics]\nhosts = ["{HOST}"]\n[engine]\nlateness_seconds = 1\n[catalogue]\ndir = "{folder}/catalogue"\n'
                    f'[alerts]\ntargets_file = "{folder}/targets"\nwait_seconds = 4\ngrace_seconds = 0\nagain_seconds = 1\n'
                )

            with world(tmp_path, site) as watched:
                yield Day(street, watched, letters, log_format)
    finally:
        street.close()


def test_three_faults_three_causes_and_an_end_of_each(day: Day) -> None:
    street = day.street

    # Morning: everybody connects, nobody is told anything.
    day.connect(CURSOR, CHATGPT)

    # Somebody switches "block AI bots" on at the edge. ChatGPT's backend still signs in, under another name; its MCP requests never get as far as nginx.
    street.proxy(day.log_format, edge_rule='if ($http_user_agent ~ "^openai-mcp/") { return 403; }')
    day.fails(CHATGPT)
    day.connect(CURSOR)
    wait(lambda: day.letters)
    import sys; subprocess.run([*CONNWATCH, "show", "--last", "--config", f"{day.watched.folder}/connwatch.toml"], env=QUIET)
    text = day.mail(rf"ChatGPT → {HOST}: A token was issued, and no MCP request came \(\d attempts?\)")
    print(text)
    day.alerted("ConnwatchStepStalled", "firing", client="chatgpt", step="session", cause="token-unused")

    street.proxy(day.log_format)
    day.connect(CHATGPT)
    day.mail(rf"Works again: ChatGPT → {HOST} \(token-unused, 3 attempts\)")

    # The authorization server is given last year's address of the server: it writes the wrong audience into its tokens.
    street.server("--audience", "https://old.example.org/mcp")
    assert "Unauthorized" in day.fails(CURSOR)
    text = day.mail(rf"Cursor → {HOST}: A fresh token was refused \(\d attempts?\)")
    print(text)
    day.alerted("ConnwatchStepStalled", "firing", client="cursor", step="session", cause="token-rejected")

    street.server()
    day.connect(CURSOR)
    day.mail(rf"Works again: Cursor → {HOST} \(token-rejected, 3 attempts\)")

    # A tidy mind allows https redirect URIs alone: Cursor's own scheme is refused, ChatGPT notices nothing.
    street.server("--web-redirects")
    assert "redirect URIs must be https" in day.fails(CURSOR)
    day.connect(CHATGPT)
    text = day.mail(rf"Cursor → {HOST}: Registration was refused \(\d attempts?\)")
    print(text)

    street.server()
    day.connect(CURSOR)
    day.mail(rf"Works again: Cursor → {HOST} \(registration-refused, 3 attempts\)")

    # Evening: the server is gone, for everybody.
    street.stop("server")
    assert all(street.tries(CURSOR, CHATGPT))
    text = day.mail(rf".*{HOST}: Nothing answered behind the proxy \(\d attempts?\)")
    print(text)
    street.server()
    day.connect(CURSOR, CHATGPT)
    day.mail(r"Works again: .*")
    for row in day.ask("attempts"):
        print(row["client"], row["outcome"], row["stuck_at"], [one["code"] for one in row["diagnoses"]], row["id"])
    for at, path, alert in day.watched.told.alerts:
        print(at, path, alert["status"], {k: v for k, v in alert["labels"].items() if k not in ("instance", "job")})
    print(day.watched.told.messages)
    assert day.letters[day.read :] == []
