"""A Debian 12 of its own, made by debootstrap, and the wheels that an installation takes: tools/real.sh puts both into .cache/real.

The tree is never written to: who installs something works in a layer above it, or in an image made of it.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "real"
TREE = CACHE / "bookworm"
WHEELS = CACHE / "wheels"
COMPOSE = CACHE / "compose" / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose"


def debian_missing() -> str | None:
    """Why nothing can be installed into a clean Debian here, or None."""
    if not (TREE / "usr/bin/pipx").exists():
        return "no Debian tree here (tools/real.sh puts one into .cache/real/bookworm, with root, apt and debootstrap)"
    if not any(WHEELS.glob("pydantic_core-*.whl")):
        return "no wheels here (tools/real.sh gets them into .cache/real/wheels)"
    return None


def ten_minutes_ago() -> list[str]:
    """The recorded stall of docs/examples/access.log, as if it had happened ten minutes ago."""
    recorded = (Path(__file__).resolve().parents[2] / "docs" / "examples" / "access.log").read_text(encoding="utf-8").splitlines()
    then = time.strftime("%d/%b/%Y:%H:%M", time.gmtime(time.time() - 600))
    return [re.sub(r"\[[^\]]*(:\d\d) \+0000\]", rf"[{then}\1 +0000]", line) for line in recorded if ":11:31:" in line]
