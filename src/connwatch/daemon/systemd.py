"""Tells the service manager how we are: one datagram each (sd_notify(3)). Does nothing where there is no service manager."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

__all__ = ["ServiceManager"]


class ServiceManager:
    """`environment` holds NOTIFY_SOCKET and WATCHDOG_USEC, as systemd sets them."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(microseconds) / 1e6 if microseconds.isdigit() and meant else None
        self._fed_at = 0.0

    def ready(self, status: str) -> None:
        """The daemon does its work from now on."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def reloading(self) -> None:
        """A new configuration is looked at; `ready` says that this is over (Type=notify-reload)."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The daemon is draining."""
        self._send("STOPPING=1")

    def feed(self) -> None:
        """The loop has turned: keep the watchdog quiet. Cheap; sends a third as often as the watchdog demands."""
        if self.watchdog_seconds is not None and time.monotonic() - self._fed_at >= self.watchdog_seconds / 3:
            self._fed_at = time.monotonic()
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as plug:
            plug.setblocking(False)
            plug.sendto(text.encode(), self._address)


def _one_line(text: str) -> str:
    return " ".join(text.split())
