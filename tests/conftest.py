"""How the tests are spread over processes (`pytest -n N`), and what the run says at its end.

Files whose tests share a component that takes long to start (an engine, Prometheus, an image) stay in one process each. What takes longest goes
first, so that no process works on alone while the others have nothing left to do.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).resolve().parent
#: The file is one unit: what it starts serves all of its tests.
TOGETHER = {
    *(f"real/test_{name}.py" for name in ("captures_in_containers", "container", "docker", "docker_far", "nginx", "prometheus")),
    "project/test_imports.py",
    "project/test_package.py",
}
#: The slowest first; a process gets the next one while it is still busy, so these are also the ones that are never waited for at the end.
FIRST = (
    "real/test_whole.py",
    "live/test_killed.py",
    "live/test_flood.py",
    "real/test_docker.py",
    "real/test_container.py",
    "real/test_install.py",
    "real/test_docker_far.py",
    "real/test_ssh.py",
    "real/",
    "live/",
    "contract/",
    "properties/",
)


def place(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).as_posix()


def turn(item: pytest.Item) -> int:
    return next((number for number, start in enumerate(FIRST) if place(item).startswith(start)), len(FIRST))


class Spread(LoadScopeScheduling):
    """Hands out tests one by one, in the order in which they stand, and some files as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.removeprefix("tests/") in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)  # not asked for where pytest runs without processes
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spread:
    config.option.loadscopereorder = False
    return Spread(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After they were shuffled; what shares a turn stays shuffled."""
    items.sort(key=turn)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured for whoever reads the run (record_property("measured", ...))."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    lines = [str(value) for report in reports for name, value in getattr(report, "user_properties", ()) if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in sorted(set(lines)):
            terminalreporter.write_line(line)
