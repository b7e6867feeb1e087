"""The state on a file system that is really full: the daemon goes on, says so, and writes what waited when there is room again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.site import Site, wait

MAY_MOUNT = os.geteuid() == 0 and shutil.which("mount") is not None
pytestmark = [pytest.mark.real, pytest.mark.skipif(not MAY_MOUNT, reason="mounting a small file system needs root and mount")]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "connwatch-test", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Write until there is no room for one byte more."""
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def taken(site: Site) -> Counter[tuple[str, int]]:
    """The lines that were taken, as the state has them."""
    with closing(sqlite3.connect(f"file:{site.state}?mode=ro", uri=True)) as state:
        return Counter(state.execute("SELECT stream, line FROM records"))


def changes(site: Site) -> list[int]:
    """The numbers of what was told of attempts."""
    with closing(sqlite3.connect(f"file:{site.state}?mode=ro", uri=True)) as state:
        return [number for (number,) in state.execute("SELECT id FROM changes ORDER BY id")]


def test_a_full_file_system_stops_nothing_and_nothing_of_that_time_is_lost(tmp_path: Path, small: Path) -> None:
    calm, full = (tmp_path / "calm", tmp_path / "full")
    calm.mkdir()
    full.mkdir()
    with closing(Site(calm)) as calm_site:
        calm_site.write(calm_site.entries)
        calm_site.start()
        wait(calm_site.all_read)
        calm_site.stop()
        expected = taken(calm_site)

    with closing(Site(full, small / "state.db")) as site:
        site.began = calm_site.began
        site.start()
        half = len(site.entries) // 2
        site.write(site.entries[:half])
        wait(lambda: sum(one["lines"] for one in site.get("/api/sources")["sources"]) == half)
        fill(small / "ballast")
        site.write(site.entries[half:])
        wait(site.all_read)
        wait(lambda: site.get("/readyz")["state"]["note"] == "the state cannot be written: database or disk is full")
        with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/healthz", timeout=10) as answer:
            assert answer.read() == b"alive\n"
        assert taken(site) != expected
        (small / "ballast").unlink()
        wait(lambda: site.get("/readyz")["state"]["note"] == "")
        wait(lambda: taken(site) == expected)
        numbers = changes(site)
        assert numbers == list(range(1, len(numbers) + 1)), "a change was lost"
        site.stop()
        said = (full / "said").read_text()
    assert said.count("the state cannot be written (database or disk is full): going on without") == 1
    assert said.count("the state is written again") == 1
