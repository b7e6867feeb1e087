"""Gets one message to one target by a process that lives for it alone, and ends that process at a deadline. Knows nothing of when or how often.

The URL goes through the process's standard input: command lines and environments can be read by others. See `connwatch.notify.deliver`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from connwatch.alerts.text import Text
from connwatch.model.errors import ConfigError
from connwatch.notify.reasons import INSTALL
from connwatch.notify.targets import Target

__all__ = ["DEADLINE", "Outcome", "check_targets", "post"]

DEADLINE: Final = 20.0
_CHECK_SECONDS: Final = 60.0
_COMMAND: Final = ("-I", "-m", "connwatch.notify.deliver")
_LONGEST_ANSWER: Final = 65_536
_LONGEST_ERROR: Final = 200
#: What of the environment a send needs. The rest stays here: it may hold the targets.
_PASSED: Final = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a send ended. `error` goes on after the target's name ("answered 500 …"), "" where it arrived; nothing of the URL is in it."""

    sent: bool
    error: str
    seconds: float


async def post(target: Target, text: Text, deadline: float = DEADLINE) -> Outcome:
    """Send `text`. Never raises but for being cancelled, which ends the process as the deadline (in seconds) does."""
    clock = asyncio.get_running_loop().time
    began = clock()
    request = {"do": "send", "url": target.url, "text": asdict(text), "seconds": deadline}
    try:
        answer = await _asked(request, deadline)
    except TimeoutError:
        return Outcome(False, f"did not answer within {deadline:g} s", clock() - began)
    except OSError as error:
        return Outcome(False, f"could not be asked: no process can be started ({error.strerror})", clock() - began)
    if answer.get("sent") is True:
        return Outcome(True, "", clock() - began)
    return Outcome(False, str(answer.get("error", "could not be sent: its process ended without an answer"))[:_LONGEST_ERROR], clock() - began)


async def check_targets(targets: Sequence[Target]) -> str:
    """Ask Apprise whether it takes the URLs. Raises ConfigError about the first that it does not; gives a warning where it cannot be asked."""
    if not targets:
        return ""
    try:
        answer = await _asked({"do": "check", "urls": [target.url for target in targets], "seconds": _CHECK_SECONDS}, _CHECK_SECONDS)
    except (TimeoutError, OSError):
        answer = {}
    if answer.get("missing"):
        raise ConfigError("messages cannot be sent, because the package apprise is not installed", file=targets[0].place, hint=INSTALL)
    found = answer.get("urls")
    if not isinstance(found, list):
        return "the targets could not be checked, because Apprise did not start: try `connwatch notify --test`"
    for target, problem in zip(targets, found, strict=True):
        if problem == "schema":
            raise ConfigError(f"Apprise knows no service {target.schema}://", file=target.place, hint="its documentation lists the services")
        if problem:
            hint = f"see how Apprise writes a {target.schema}:// URL; special characters in passwords are written as %XX"
            raise ConfigError(f"what stands after {target.schema}:// is not what Apprise expects", file=target.place, hint=hint)
    return ""


async def _asked(request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """What the process answers; {} where it ends without a word. Raises TimeoutError and OSError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
        cwd="/",
        start_new_session=True,
        limit=_LONGEST_ANSWER,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - asked for above
    try:
        async with asyncio.timeout(deadline):
            with contextlib.suppress(ConnectionError):  # it ended before it read everything; that it says nothing is told below
                process.stdin.write(json.dumps(request).encode())
                await process.stdin.drain()
                process.stdin.close()
            line = await process.stdout.readline()
        answer = json.loads(line)
    except ValueError:
        return {}
    finally:
        await _ended(process)
    return answer if isinstance(answer, dict) else {}


async def _ended(process: asyncio.subprocess.Process) -> None:
    """The process and whatever it started are gone; what it has said by now was all that is wanted."""
    if process.returncode is None:  # afterwards the number may be another's
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    await asyncio.shield(process.wait())


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _PASSED or name.lower() in _PROXIES}
