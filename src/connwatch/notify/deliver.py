"""The short-lived process that sends one message, or asks Apprise whether it takes some URLs: `python -I -m connwatch.notify.deliver`.

Standard input is one JSON object, `{"do": "send", "url", "text", "seconds"}` or `{"do": "check", "urls"}`; standard output is one JSON line. A
process of its own, because Apprise takes a second and 40 MB to load and sleeps in places: both end with it. What Apprise and its
plugins log is read for signs of a reason and thrown away.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import signal
import sys
from typing import Any, Final

from connwatch.notify.markup import escaped
from connwatch.notify.reasons import NO_APPRISE, reason

__all__ = ["MEMORY", "main"]

#: Bytes of address space: a service that answers without end ends this process and not the machine. Several times what a send takes.
MEMORY: Final = 512 * 1024 * 1024
#: Seconds between two requests for one message (a URL with several recipients); the plugins' own is mostly 5.5, longer than anybody waits.
_PACE: Final = 0.5
#: Apprise waits 4 s for most services. A slow answer is better than the same message twice.
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 10.0
_MOST_SAID, _LONGEST_SAID = 200, 4000
_FORMS: Final = {"html": "html", "markdown": "markdown", "text": "plain"}


class _Said(logging.Handler):
    """What was logged, within bounds. Never leaves this process."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < _MOST_SAID:
            self.lines.append(record.getMessage()[:_LONGEST_SAID])


def main() -> int:
    """Does what standard input asks for. Always answers with one line, unless it is ended from outside."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a plugin that prints must not spoil the answer
    with contextlib.suppress(OSError, ValueError):  # forbidden by a service manager, or lower already
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the URL
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    request = json.load(sys.stdin)
    # The parent ends this process at its deadline. Should the parent be gone by then, this does.
    signal.alarm(int(request.get("seconds", 60)) + 5)
    said = _Said()
    try:
        answer = _check(request["urls"]) if request["do"] == "check" else _send(request, said)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its words may hold the URL
        missing = isinstance(error, ModuleNotFoundError) and error.name == "apprise"
        answer = {"sent": False, "missing": missing, "error": f"cannot be told: {NO_APPRISE}" if missing else reason([*said.lines, repr(error)])}
    answers.write(json.dumps(answer) + "\n")
    answers.close()
    return 0


def _apprise() -> Any:
    import apprise

    log = logging.getLogger("apprise")
    log.propagate = False
    log.handlers = [logging.NullHandler()]
    return apprise


def _check(urls: list[str]) -> dict[str, Any]:
    """For each URL "", "schema" (Apprise has no such service) or "url" (it has, and cannot make sense of the rest)."""
    apprise = _apprise()
    found = []
    for url in urls:
        if apprise.Apprise.instantiate(url) is not None:
            found.append("")
        else:
            schemas = apprise.plugins.N_MGR.schemas()
            found.append("url" if url.partition("://")[0].lower() in schemas else "schema")
    return {"urls": found}


def _send(request: dict[str, Any], said: _Said) -> dict[str, Any]:
    url, text = request["url"], request["text"]
    apprise = _apprise()
    asset = apprise.AppriseAsset(app_id="connwatch", app_desc="connwatch", app_url="", image_url_mask="", image_url_logo="")
    plugin = apprise.Apprise.instantiate(url, asset=asset)
    if plugin is None:
        return {"sent": False, "error": "is no URL that Apprise takes; `connwatch check` says more"}
    plugin.request_rate_per_sec = min(plugin.request_rate_per_sec, _PACE)
    query = url.partition("?")[2].lower()
    if "cto=" not in query:
        plugin.socket_connect_timeout = max(plugin.socket_connect_timeout, _CONNECT_SECONDS)
    if "rto=" not in query:
        plugin.socket_read_timeout = max(plugin.socket_read_timeout, _READ_SECONDS)
    form = _form(plugin)
    # A service without titles gets the title in front of the body, where it is read as the body is.
    title = text["title"] if plugin.title_maxlen > 0 else escaped(text["title"], form)
    log = logging.getLogger("apprise")
    log.addHandler(said)
    log.setLevel(logging.DEBUG)
    # Not by way of Apprise.notify: it turns what a plugin raises into a log entry, and needs no conversion where the form fits.
    if plugin.notify(body=text[_FORMS[form]], title=title, notify_type=apprise.NotifyType(text["tone"]), body_format=form):
        return {"sent": True}
    return {"sent": False, "error": reason(said.lines)}


def _form(plugin: Any) -> str:
    """The form that suits the service: what its URL asks for, or what its plugin prefers."""
    if not hasattr(plugin, "resolve_format"):  # before Apprise 2 a plugin has one format
        return _plain_name(plugin.notify_format)
    form = _plain_name(plugin.resolve_format(None))
    offered = {_plain_name(one) for one in plugin.notify_format} if isinstance(plugin.notify_format, tuple | list) else {form}
    if form == "text" and offered == {"text", "markdown"} and "format=text" not in plugin.url().lower():
        return "markdown"  # such a service draws text as markup too, and only this form is safe there
    return form


def _plain_name(form: Any) -> str:
    return str(getattr(form, "value", form))


if __name__ == "__main__":
    sys.exit(main())
