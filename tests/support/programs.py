"""Programs of the test's own in front of all others: shell scripts, and an ssh among them that counts its logins."""

from __future__ import annotations

from pathlib import Path

__all__ = ["Programs"]


class Programs:
    """Scripts in `folder`, which the test must put in front of PATH."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._logins = folder, folder / "logins"

    def program(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)

    def ssh(self, text: str) -> None:
        """What ssh does at each login."""
        self.program("ssh", f"echo >> {self._logins}\n{text}\n")

    def ssh_fails(self, said: str, status: int, *, before: str = "") -> None:
        """At each login ssh says why it cannot, as `printf` has it."""
        self.ssh(f"{before}\nprintf '{said}\\n' >&2\nexit {status}")

    @property
    def logins(self) -> int:
        return len(self._logins.read_text().splitlines()) if self._logins.exists() else 0
