"""What the daemon recorded, asked for as a user does from another process: while it runs, after it stopped, and across a restart."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from connwatch.model.attempt import Outcome
from support.site import Site, wait

ALL = [word for outcome in Outcome for word in ("--outcome", outcome.value)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(tmp_path)
    yield one
    one.close()


def test_what_was_recorded_can_be_asked_for_while_the_daemon_runs_and_after_it_stopped(site: Site) -> None:
    nothing = site.ask("attempts")
    assert nothing.returncode == 3
    assert "nothing was recorded there yet" in nothing.stderr
    site.write(site.entries)  # before the start: of a backlog the order of reading is that of time
    site.start()
    wait(site.all_read)
    wait(lambda: len(site.get("/api/attempts?outcome=connected&client=claude")["attempts"]) >= 2)
    wait(lambda: len(site.get("/api/attempts?outcome=stalled")["attempts"]) == 1)

    listed = site.ask("attempts")
    assert listed.returncode == 0
    assert "token-unused" in listed.stdout
    assert f"from {site.folder}/state.db" in listed.stderr
    (stalled,) = site.listed("--outcome", "stalled")
    from_afar = site.ask("attempts", "--listen", f"127.0.0.1:{site.port}")
    assert from_afar.stdout.splitlines()[0] == listed.stdout.splitlines()[0]
    assert f"the daemon at 127.0.0.1:{site.port}" in from_afar.stderr

    drawn = site.ask("show", stalled[:6])
    assert drawn.returncode == 1
    assert drawn.stdout == site.ask("show", stalled[:6], "--listen", f"127.0.0.1:{site.port}").stdout
    assert "nginx-proxy:" in drawn.stdout
    document = site.ask("report", "--attempt", stalled)
    assert document.returncode == 1
    assert f"# Connection attempt {stalled}" in document.stdout
    assert "- nginx-proxy: lines " in document.stdout

    assert [(one["name"], one["state"]) for one in site.sources()] == [("nginx-proxy", "live"), ("coda-mcp", "live")]
    past = site.ask("tail", "--no-follow", "--since", "2h", "--outcome", "stalled", "--stage", "token", "--json")
    assert {json.loads(line)["attempt"]["id"] for line in past.stdout.splitlines()} == {stalled}

    site.stop()
    after = site.listed()
    assert stalled in after
    assert site.ask("show", stalled).stdout == drawn.stdout
    assert site.ask("report", "--attempt", stalled).stdout == document.stdout
    gone = site.ask("sources")
    assert gone.returncode == 0
    assert "unknown" in gone.stdout
    assert site.ask("sources", "--listen", f"127.0.0.1:{site.port}").returncode == 3
    assert "Traceback" not in (site.folder / "said").read_text()


def test_tail_goes_on_over_restarts_without_losing_or_repeating(site: Site) -> None:
    shown = site.folder / "tail.out"
    rest = list(site.entries)

    def write(count: int) -> None:
        site.write(rest[:count])
        del rest[:count]

    def tailed() -> list[tuple[str, str]]:
        rows = map(json.loads, shown.read_text().splitlines())
        return [(row["change"], row["attempt"]["id"]) for row in rows if row["change"] != "heard"]

    def back() -> int:
        return (site.folder / "said").read_text().count(" is back\n")

    def begun() -> bool:
        write(5)
        return bool(tailed())

    site.start()
    site.launch("tail", "--json", *ALL, out=shown)
    wait(begun)
    write(len(rest) // 3)
    site.stop(signal.SIGKILL)  # whatever it is doing
    write(len(rest) // 2)
    site.start()
    write(len(rest) // 2)
    wait(lambda: back() == 1)
    site.stop()
    write(len(rest))
    site.start()
    wait(lambda: back() == 2)
    wait(site.all_read)

    def all_told() -> bool:
        """What was withdrawn is gone from the state, and after a restart cannot be told of any more."""
        journal = site.told()
        taken_back = {name for kind, name in journal if kind == "withdrawn"}
        told, seen = ([one for one in changes if one[1] not in taken_back] for changes in (journal, tailed()))
        return told[-len(seen) :] == seen  # tail may have come in the middle of an attempt

    wait(lambda: {"opened", "reached", "closed"} <= {kind for kind, _ in tailed()} and all_told())
    assert "are left out" not in (site.folder / "said").read_text()
