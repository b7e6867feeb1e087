#!/usr/bin/env python3
"""Write the reference pages that follow from catalogue and settings: docs/formats.md, docs/diagnoses.md, docs/configuration.md.

    reference.py [--write]

Without --write it compares, and exits with 1 when a page is stale.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from settings_page import configuration

from connwatch.settings.loader import load_catalogue

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
Entry = Mapping[str, Any]
FIELD = re.compile(r"\{(\w+)\}")
RFC = re.compile(r"RFC (\d+)(?: section (\d+(?:\.\d+)*))?")
CASES = pathlib.Path(__file__).resolve().parent / "field_cases.toml"
MOST_TRAILS = 3


def sentence(text: str) -> str:
    """A template's text for a reader: its fields in italics, in one line."""
    return " ".join(FIELD.sub(r"*\1*", text).replace("**", "* *").split())


def formats(entries: Mapping[str, Entry]) -> Iterable[str]:
    yield "# Log formats"
    yield "Written by `make docs` from the catalogue. A format is named as `FORMAT:FILE`, or recognised when none is named; your own are given with"
    yield "`--log-format NAME='…'` or as `[formats.NAME]` in the [configuration](configuration.md). Which to set: [the log format](log-formats.md)."
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


HOW_TO_READ = """\
# Diagnoses
Written by `make docs` from the catalogue and `tools/field_cases.toml`. The first diagnosis of an attempt is the best guess; *such words* are
filled in from the attempt.

**Looks like** shows attempts that get the diagnosis, as the catalogue's own examples have them, and one that nearly does and must not. A word
is a request, the number its answer, `*3` three of them, `+60` a minute's pause. `post`, `get`, `sniff` (HEAD) and `delete` go to the MCP URL;
`prm` and `asm` are the metadata of the resource and of the authorization server; `authorize`, `page` and `decide` are the browser's.
**How sure** is the confidence of the ways to recognise it, before anything is taken off for lines that may be another attempt's.
**Seen** are public reports; causes are the reporters' words.
"""


def referred(text: str) -> str:
    """A reference, with a link where it is an RFC."""

    def link(found: re.Match[str]) -> str:
        where = f"#section-{found[2]}" if found[2] else ""
        return f"[{found[0]}](https://www.rfc-editor.org/rfc/rfc{found[1]}{where})"

    return RFC.sub(link, text)


def trails(entry: Entry) -> Iterable[str]:
    """Examples that get the diagnosis, and the nearest one that does not; each once."""
    examples = entry.get("example", [])
    taken = list(dict.fromkeys(str(one["trail"]) for one in examples if not one.get("near_miss")))[:MOST_TRAILS]
    left = [str(one["trail"]) for one in examples if one.get("near_miss")][:1]
    if taken:
        yield f"- Looks like: {', or '.join(f'`{trail}`' for trail in taken)}" + (f". Not: `{left[0]}`" if left else "")


def one_diagnosis(code: str, entry: Entry, cases: Iterable[Entry]) -> Iterable[str]:
    """The section of one diagnosis."""
    yield f"\n## `{code}`\n"
    yield f"{sentence(str(entry.get('title', '')))}. Stuck at: {', '.join(f'`{place}`' for place in entry.get('stuck_at', [])) or 'nothing'}."
    yield ""
    yield f"- What it means: {sentence(str(entry.get('summary', '')))}"
    yield from trails(entry)
    sure = sorted({round(100 * case["confidence"]) for case in entry.get("case", [])})
    yield f"- How sure: {sure[0]} %" + (f" to {sure[-1]} %" if len(sure) > 1 else "")
    if entry.get("checks"):
        yield "- Causes, and what tells them apart:"
        yield from (f"  - {sentence(str(check))}" for check in entry["checks"])
    for title, key in (("What to do", "remedy"), ("What would refute it", "refuted_by")):
        if entry.get(key):
            yield f"- {title}: {sentence(str(entry[key]))}"
    if entry.get("see"):
        yield f"- References: {'; '.join(map(referred, entry['see']))}"
    for case in cases:
        yield f"- Seen: {case['client']}, {case['date']}: {case['seen']} ([source]({case['source']}))"


def diagnoses(entries: Mapping[str, Entry]) -> Iterable[str]:
    cases = tomllib.loads(CASES.read_text(encoding="utf-8"))["case"]
    if unknown := {case["code"] for case in cases} - set(entries):
        raise ValueError(f"{CASES.name}: no diagnosis is called {', '.join(sorted(unknown))}")
    yield HOW_TO_READ.rstrip("\n")
    for code, entry in sorted(entries.items()):
        yield from one_diagnosis(code, entry, [case for case in cases if case["code"] == code])


def pages() -> dict[pathlib.Path, str]:
    """Every page and what it should say."""
    catalogue = load_catalogue(examples=True)
    return {
        DOCS / "formats.md": "\n".join(formats(catalogue.formats)) + "\n",
        DOCS / "configuration.md": "\n".join(configuration()) + "\n",
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
