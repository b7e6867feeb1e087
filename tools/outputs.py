#!/usr/bin/env python3
"""Keep what the documents show true: run every command that stands before a block of output, and compare or renew the block.

    outputs.py [--write] [FILE ...]

A block is marked so, the command being one that the reader can type in the project's folder:

    <!-- output of: connwatch replay docs/examples/access.log -->
    ```text
    ...
    ```

Where the output itself holds a fence, the block has a longer one. Exit status 1 when a block is stale, and names it.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- output of: (?P<command>connwatch [^\n]*?) -->\n(?P<fence>`{3,})\w*\n).*?\n?(?P=fence)(?!`)", re.DOTALL)


def run(command: str) -> str:
    """What `command` prints, as a terminal of 120 columns without colours would show it."""
    argv = shlex.split(command)
    argv[0] = str(pathlib.Path(sys.executable).parent / argv[0])
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "dumb", "TZ": "UTC"}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{command}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")


def renewed(text: str) -> str:
    """The document as it should be."""
    return BLOCK.sub(lambda m: f"{m[1]}{run(m['command'])}\n{m['fence']}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    stale = 0
    for path in args.files or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        old = path.read_text(encoding="utf-8")
        new = renewed(old)
        if new != old:
            stale += not args.write
            print(f"{path.name}: {'renewed' if args.write else 'stale (make docs)'}")
            if args.write:
                path.write_text(new, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
