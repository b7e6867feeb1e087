"""The daemon is killed at twenty random moments while it reads 600,000 lines: it tells the same attempts as one that was left alone, each once."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.numbered import LOGS, write_logs

CONNWATCH = str(Path(sys.executable).parent / "connwatch")
LINES, ROUNDS, KILLS = 600_000, 6, 20
TOLD_AT_ONCE = "[alerts]\nwait_seconds = 0\ngrace_seconds = 0\nagain_seconds = 0\n"
SEED = int(os.environ.get("CONNWATCH_KILL_SEED", "1"))


class Daemon:
    """One configuration over the same three logs, with a state of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.state = folder / f"{name}.db"
        self.config = folder / f"{name}.toml"
        sources = "".join(f'[[sources]]\nname = "{log}"\nkind = "file"\npath = "{folder}/{log}.log"\nstart = "beginning"\n' for log in LOGS)
        self.config.write_text(f'[state]\npath = "{self.state}"\n[http]\nlisten = "127.0.0.1:0"\n{sources}{TOLD_AT_ONCE}')
        self.said = folder / f"{name}.err"

    def start(self) -> subprocess.Popen[bytes]:
        with self.said.open("ab") as said:
            return subprocess.Popen([CONNWATCH, "run", "--config", str(self.config)], stdout=subprocess.DEVNULL, stderr=said)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.Error:  # not there yet
            return []

    def lines(self) -> int:
        found = self.ask("SELECT sum(lines) FROM cursors")
        return (found[0][0] or 0) if found else 0

    def is_done(self) -> bool:
        reached = self.ask("SELECT value FROM meta WHERE name = 'watermark'")
        return bool(reached) and float(reached[0][0]) > time.time() - 30 and self.ask("SELECT count(*) FROM attempts WHERE open") == [(0,)]

    def finish(self) -> None:
        process = self.start()
        self.wait(process, self.is_done, every=0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)

    def wait(self, process: subprocess.Popen[bytes], ready: Any, every: float = 0.005) -> None:
        give_up = time.monotonic() + 300
        while not ready():
            assert process.poll() is None, "the daemon ended by itself"
            assert time.monotonic() < give_up, "the daemon came to no end"
            time.sleep(every)

    def attempts(self) -> dict[str, str]:
        """Bodies by id. Digests differ, because each state has a key of its own."""
        return {name: re.sub("#[0-9a-f]{16}", "#", body) for name, body in self.ask("SELECT id, body FROM attempts")}

    def told(self) -> Counter[tuple[str, str, str | None]]:
        return Counter(
            (kind, attempt, step and re.sub("#[0-9a-f]{16}", "#", step))
            for kind, attempt, step in self.ask("SELECT kind, attempt, step FROM changes")
        )

    def counted(self) -> Counter[str]:
        """How many attempts each thing that went wrong was counted for."""
        alerts = [json.loads(body) for (body,) in self.ask("SELECT body FROM alerts")]
        return sum((Counter({json.dumps(one["key"]): one["count"]}) for one in alerts), Counter())

    def beginnings(self) -> Counter[int]:
        """How many messages each spell of trouble began with."""
        notices = [json.loads(body) for (body,) in self.ask("SELECT body FROM notices WHERE kind = 'stopped'")]
        return Counter(entry["alert"] for notice in notices for entry in notice["entries"])


@pytest.mark.timeout(900)
def test_killed_twenty_times_it_tells_what_it_would_have_told(tmp_path: Path) -> None:
    write_logs(tmp_path, LINES, ROUNDS, time.time() - 120)
    calm, killed = Daemon("calm", tmp_path), Daemon("killed", tmp_path)
    calm.finish()
    chance = random.Random(SEED)
    for point in sorted(chance.sample(range(1, LINES * 97 // 100), KILLS)):
        process = killed.start()
        killed.wait(process, lambda point=point: killed.lines() >= point)
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.wait()
    killed.finish()

    attempts, told = calm.attempts(), calm.told()
    assert len(attempts) > 300
    assert killed.attempts() == attempts
    finals = {one: count for one, count in killed.told().items() if one[0] in ("closed", "evicted")}
    assert finals == {one: count for one, count in told.items() if one[0] in ("closed", "evicted")}
    assert set(finals.values()) == {1}, "an end was told twice"
    for kind in ("opened", "reached"):
        assert max(count for one, count in killed.told().items() if one[0] == kind) == 1, f"{kind}: told twice of one thing"
    assert sum(calm.counted().values()) > 20
    assert killed.counted() == calm.counted()
    assert set(killed.beginnings().values()) == {1}, "people were told twice of one thing"
    assert killed.ask("PRAGMA integrity_check") == [("ok",)]
