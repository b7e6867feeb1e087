"""A real Chromium without a window, spoken to over a pipe in its own debugging protocol: a page, what it evaluates, and what it complained of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "no Chromium here (apt-get install chromium)"
WINDOW = "--window-size=1280,900"
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", WINDOW)


class Page:
    """One tab. `complaints`: errors on its console, exceptions, what its content policy forbade, requests that failed."""

    def __init__(self, asks: int, answers: int) -> None:
        self._asks, self._answers, self._rest, self._number = asks, answers, b"", 0
        self._session: dict[str, str] = {}
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for part in ("Page", "Runtime", "Log"):
            self._call(f"{part}.enable")

    def go(self, url: str) -> None:
        """Open an address in it; it is not waited for."""
        self._call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 30.0) -> Any:
        """The value as soon as it is one."""
        give_up = time.monotonic() + seconds
        while not (found := self.value(expression)):
            assert time.monotonic() < give_up, f"{expression} came to nothing; the page has: {self.value('document.body.innerText')}"
            time.sleep(0.05)
        return found

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        os.write(self._asks, json.dumps({"id": self._number, "method": method, "params": parameters, **self._session}).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, f"{method}: {told['error']}"
                result: dict[str, Any] = told["result"]
                return result
            self._heard(told)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select([self._answers], [], [], 30)[0], "the browser says nothing"
            block = os.read(self._answers, 65536)
            assert block, "the browser has ended"
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        return told

    def _heard(self, told: dict[str, Any]) -> None:
        what, about = told.get("method"), told.get("params", {})
        if what == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{about['entry']['source']}: {about['entry']['text']} {about['entry'].get('url', '')}")
        elif what == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif what == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(about["args"]))
        elif what == "Page.javascriptDialogOpening":
            self.complaints.append(f"a script of somebody's ran: {about['message']}")


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser whose profile is in `folder`, with one empty page."""
    theirs_in, asks = os.pipe()
    answers, theirs_out = os.pipe()
    command = [str(CHROMIUM), *OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={folder}"]
    through = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    with (folder.parent / "browser.log").open("ab") as log:
        process = subprocess.Popen(
            ["bash", "-c", through, "browser", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(theirs_in, theirs_out)
        )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(asks, answers)
    finally:
        os.close(asks)  # it ends with its pipe
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(answers)
