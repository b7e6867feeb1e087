"""What is final, as it is published, and what `replay` makes of finished logs: the two sides of replay = live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connwatch.diagnose.serial import attempt_row
from connwatch.engine import Engine
from connwatch.model.change import Change, Closed, Evicted
from connwatch.replayer import replay
from connwatch.sources.finished import Finished
from support.said import catalogue


class Finals:
    """A sink that keeps attempts when they are final. None may be final twice."""

    def __init__(self) -> None:
        self.attempts: dict[str, dict[str, Any]] = {}

    def receive(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, Closed | Evicted):
                assert change.attempt.id not in self.attempts
                self.attempts[change.attempt.id] = attempt_row(change.attempt)


def replayed(folder: Path, logs: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """The attempts of these logs, which are written into `folder`; sources are called as the logs are."""
    finals, inputs = Finals(), []
    for name, text in logs.items():
        (folder / f"{name}.finished").write_bytes(text)
        inputs.append(Finished(str(folder / f"{name}.finished")))
        inputs[-1].open()
        inputs[-1].name = name
    for changes in replay(Engine(catalogue()), inputs, lateness=2.0, on_problem=lambda error: pytest.fail(str(error))):
        finals.receive(changes)
    return finals.attempts
