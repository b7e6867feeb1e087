"""A machine that sleeps again and again while clients connect: what is found is what the logs say, not what was missed meanwhile.

The lines are those of nginx and of an MCP server that stamps them, recorded while clients connected; they are written anew, each in its time.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.site import Site, wait

STREET = Path(__file__).parents[1] / "data" / "street.jsonl"
LATENESS, AWAKE, ASLEEP = 1, 0.4, 1.7  # seconds


def line(text: str, at: float) -> str:
    """A recorded line as it is written at a time, in seconds since the epoch."""
    moment = datetime.fromtimestamp(at, UTC)
    iso = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return text.replace("%CLF%", f"{moment:%d/%b/%Y:%H:%M:%S +0000}").replace("%EPOCH%", f"{at:.3f}").replace("%ISO%", iso) + "\n"


def put_together(rows: str) -> list[tuple[str, str, int]]:
    """The attempts that are told as JSON: of whom, how they ended, and how many lines belong to each."""
    found = [json.loads(row) for row in rows.splitlines()]
    return sorted((one["client"], one["outcome"], len(one["events"])) for one in found)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    sources = "".join(
        f'[[sources]]\nname = "{log}"\nkind = "file"\npath = "{tmp_path}/{log}.log"\nformat = "{form}"\nstart = "beginning"\n'
        for log, form in (("nginx-proxy", "nginx-proxy-rich"), ("server", "uvicorn"))
    )
    before, _, _ = site.config.read_text().partition("[[sources]]")
    site.config.write_text(f"{before}[engine]\nlateness_seconds = {LATENESS}\n{sources}")
    (tmp_path / "server.log").touch()
    yield site
    site.close()


def test_what_was_written_while_the_daemon_slept_is_put_in_order_before_it_is_judged(site: Site) -> None:
    site.start()
    wait(lambda: {one["state"] for one in site.get("/api/sources")["sources"]} == {"live"})
    assert site.daemon is not None
    begun = turns_at = time.time() + 0.2
    asleep = False
    for after, log, text in map(json.loads, STREET.read_text().splitlines()):
        while time.time() < begun + after:
            time.sleep(0.002)
            if time.time() >= turns_at:
                asleep = not asleep
                turns_at = time.time() + (ASLEEP if asleep else AWAKE)
                site.daemon.send_signal(signal.SIGSTOP if asleep else signal.SIGCONT)
        with (site.folder / f"{log}.log").open("a") as file:
            file.write(line(text, begun + after))
    site.daemon.send_signal(signal.SIGCONT)
    logs = [f"nginx-proxy-rich:{site.folder}/nginx-proxy.log", f"uvicorn:{site.folder}/server.log"]
    expected = put_together(site.ask("replay", "--json", *logs).stdout)
    assert [(client, outcome) for client, outcome, _ in expected] == [("chatgpt", "connected")] * 2 + [("chatgpt", "failed")] + [
        ("cursor", "connected")
    ] * 3
    wait(lambda: put_together(site.ask("attempts", "--json").stdout) == expected, 20)
