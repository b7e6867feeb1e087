"""A real journal in a directory, written by systemd-journal-remote."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

REMOTE = next((path for path in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote") if Path(path).exists()), None)


class Journal:
    """A journal directory. Each `boot` is a number."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._count = folder, 0

    def write(self, *messages: str, unit: str = "mcp.service", boot: int = 1) -> None:
        entries = b""
        for message in messages:
            self._count += 1
            text = message.encode()
            entries += (
                (
                    f"__REALTIME_TIMESTAMP={time.time_ns() // 1000 + self._count}\n__MONOTONIC_TIMESTAMP={self._count}\n_BOOT_ID={boot:032x}\n"
                    f"_MACHINE_ID={7:032x}\n_TRANSPORT=stdout\nPRIORITY=6\n_UID=0\n_SYSTEMD_UNIT={unit}\nMESSAGE\n"
                ).encode()
                + len(text).to_bytes(8, "little")
                + text
                + b"\n\n"
            )
        command = [str(REMOTE), "-o", str(self.folder / "system.journal"), "-"]
        subprocess.run(command, input=entries, check=True, capture_output=True)
