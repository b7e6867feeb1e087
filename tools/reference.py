#!/usr/bin/env python3
"""Write the reference pages that follow from catalogue and settings: docs/formats.md, docs/configuration.md,
docs/diagnoses.md and a page for each diagnosis in docs/diagnoses/.

    reference.py [--write]

Without --write it compares, and exits with 1 when a page is stale, or belongs to no diagnosis.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from diagnosis_pages import diagnosis_pages, sentence
from settings_page import configuration

from connwatch.settings.loader import load_catalogue

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
Entry = Mapping[str, Any]


def formats(entries: Mapping[str, Entry]) -> Iterable[str]:
    yield "# Log formats"
    yield "`make docs` writes this page from the catalogue. Name a format as `FORMAT:FILE`; otherwise it is recognised. Formats of your own are"
    yield "given with `--log-format NAME='…'` or as `[formats.NAME]` in the [configuration](configuration.md). Which one to set:"
    yield "[the log format](log-formats.md)."
    yield ""
    yield "| format | what | written by | remark |\n| --- | --- | --- | --- |"
    for name, entry in sorted(entries.items()):
        yield f"| `{name}` | {entry.get('title', '')} | {entry.get('role', '')} | {sentence(str(entry.get('note', '')))} |"
    yield ""
    yield "## What may stand around a line"
    yield ""
    yield "Other programs may put text around a line. connwatch recognises it for every format, and nothing has to be set:"
    yield ""
    yield "- the engine's time stamp of `docker logs -t`, docker compose's `name  |`, a process manager's `nginx.1     |`, and colours;"
    yield '- Docker\'s own files, `/var/lib/docker/containers/ID/ID-json.log`: objects of `"log"`, `"stream"` and `"time"`. Docker splits a line over'
    yield "  16 KiB; connwatch joins the pieces and gives the line the number of its last object. Line numbers are those of the file. A file is"
    yield "  recognised as one of these when such an object is among its first 64 lines."


def pages() -> dict[pathlib.Path, str]:
    """Every page and what it should say."""
    catalogue = load_catalogue(examples=True)
    return {
        DOCS / "formats.md": "\n".join(formats(catalogue.formats)) + "\n",
        DOCS / "configuration.md": "\n".join(configuration()) + "\n",
    } | {DOCS / name: "\n".join(lines) + "\n" for name, lines in diagnosis_pages(catalogue.diagnoses).items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    wanted = pages()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path for path in sorted((DOCS / "diagnoses").glob("*.md")) if path not in wanted]
    for path in stale:
        print(f"{path.name}: {'renewed' if args.write else 'stale (make docs)'}")
        if args.write and path in wanted:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        elif args.write:
            path.unlink()
    return 1 if stale and not args.write else 0


if __name__ == "__main__":
    sys.exit(main())
