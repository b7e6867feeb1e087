"""What the commands that keep running share: an address to listen on, the log of the program itself, a steady heap. Must not know what they do."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Sequence

import click

from connwatch.diagnose.book import book_of
from connwatch.parse.printable import printable
from connwatch.rules.catalogue import Catalogue
from connwatch.settings.address import host_and_port

__all__ = ["causes", "listening_to", "log_to_stderr", "split_address"]


def split_address(address: str) -> tuple[str, int]:
    """HOST:PORT in its parts, an IPv6 host without its brackets. Raises a usage error."""
    try:
        return host_and_port(address)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error


def listening_to(address: str, *, token: bool) -> tuple[socket.socket, str]:
    """A listening socket, and its address as it goes into a URL. Raises ConfigError, SourceError."""
    from connwatch.web.server import listen

    host, port = split_address(address)
    plug = listen(host, port, token=token)
    shown = f"[{host}]" if ":" in host else host
    return plug, f"{shown}:{plug.getsockname()[1]}"


def causes(catalogue: Catalogue) -> Sequence[tuple[str, str]]:
    """Every place where an attempt can stop, with the diagnoses that speak of it: the closed list behind a metric's labels."""
    return [(place, rule.code) for rule in book_of(catalogue).rules for place in sorted(rule.stuck_at)]


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"connwatch: {printable(record.getMessage())}"


def log_to_stderr() -> None:
    """The program's own log, each line safe to show."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain())
    log = logging.getLogger("connwatch")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    for noisy in ("uvicorn", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
