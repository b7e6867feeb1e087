#!/usr/bin/env python3
"""Write the reference pages that follow from the catalogue: docs/formats.md and docs/diagnoses.md.

    reference.py [--write]

Without --write it compares, and exits with 1 when a page is stale.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from connwatch.settings.loader import load_catalogue

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
Entry = Mapping[str, Any]
FIELD = re.compile(r"\{(\w+)\}")


def sentence(text: str) -> str:
    """A template's text for a reader: its fields in italics, in one line."""
    return " ".join(FIELD.sub(r"*\1*", text).split())


def formats(entries: Mapping[str, Entry]) -> Iterable[str]:
    yield "# Log formats"
    yield "Written by `make docs` from the catalogue. A format is named as `FORMAT:FILE`, or recognised when none is named; your own are given with"
    yield "`--log-format NAME='…'` or as `[formats.NAME]` in the configuration."
    yield ""
    yield "| format | what | written by | remark |\n| --- | --- | --- | --- |"
    for name, entry in sorted(entries.items()):
        yield f"| `{name}` | {entry.get('title', '')} | {entry.get('role', '')} | {sentence(str(entry.get('note', '')))} |"
    yield ""
    yield "## What may stand around a line"
    yield ""
    yield "Every format is read through what others put around its lines; nothing has to be set for it:"
    yield ""
    yield "- the engine's stamp of `docker logs -t`, docker compose's `name  |`, a process manager's `nginx.1     |`, and colours;"
    yield '- Docker\'s own files, `/var/lib/docker/containers/ID/ID-json.log`: objects of `"log"`, `"stream"` and `"time"`. A line over 16 KiB, which'
    yield "  Docker splits, is put together again and has the number of its last object. Line numbers are those of the file. One such object"
    yield "  within the first 64 lines shows that a file is one of these."


def diagnoses(entries: Mapping[str, Entry]) -> Iterable[str]:
    yield "# Diagnoses"
    yield "Written by `make docs` from the catalogue. The first one of an attempt is the best guess; *such words* are filled in from the attempt."
    for code, entry in sorted(entries.items()):
        yield f"\n## `{code}`\n"
        yield f"{sentence(str(entry.get('title', '')))}. Stuck at: {', '.join(f'`{place}`' for place in entry.get('stuck_at', [])) or 'nothing'}."
        yield ""
        for title, key in (("What it means", "summary"), ("What to do", "remedy"), ("What would refute it", "refuted_by")):
            if entry.get(key):
                yield f"- {title}: {sentence(str(entry[key]))}"
        for check in entry.get("checks", []):
            yield f"- To look at: {sentence(str(check))}"
        for link in entry.get("see", []):
            yield f"- See: {link}"


def pages() -> dict[pathlib.Path, str]:
    """Every page and what it should say."""
    catalogue = load_catalogue()
    return {
        DOCS / "formats.md": "\n".join(formats(catalogue.formats)) + "\n",
        DOCS / "diagnoses.md": "\n".join(diagnoses(catalogue.diagnoses)) + "\n",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.name}: {'renewed' if args.write else 'stale (make docs)'}")
        if args.write:
            path.write_text(pages()[path], encoding="utf-8")
    return 1 if stale and not args.write else 0


if __name__ == "__main__":
    sys.exit(main())
