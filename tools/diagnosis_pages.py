"""The pages of docs/diagnoses/, one for each diagnosis of the catalogue, and the page that lists them. tools/reference.py writes them.

Real cases are those of tools/field_cases.toml. Must not know where the pages are kept.
"""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]
FIELD = re.compile(r"\{(\w+)\}")
RFC = re.compile(r"RFC (\d+)(?: section (\d+(?:\.\d+)*))?")
CASES = pathlib.Path(__file__).resolve().parent / "field_cases.toml"
MOST_TRAILS = 3
MOST_PLACES = 3  # a diagnosis that stops at more places than this is near to all others, which helps nobody
#: The order in which a connection gets there; `reach` is before everything, `nowhere` is a session that worked.
PLACES = ("reach", "challenge", "resource_metadata", "server_metadata", "registration", "authorization", "consent", "token", "session", "nowhere")
#: What a way to recognise a diagnosis asks of the client, where its causes are others than elsewhere.
CLIENTS = {True: "If the client is hosted (a backend connects):", False: "If the client is a program on the user's machine:", None: "In this case:"}

INDEX = """\
# Diagnoses

What connwatch can say about an attempt that did not get through. Each diagnosis has a page: its signature, its causes and how to tell them apart,
what to do, what would refute it, and cases that were reported in public. An attempt may have several diagnoses; the first one is the best guess.

Written by `make docs` from the catalogue and `tools/field_cases.toml`.

| diagnosis | what happened | stuck at |
| --- | --- | --- |"""

READING = """
## How to read a page

*Words in italics* are filled in from the attempt.

**Signature** describes the requests that lead to the diagnosis, and how sure connwatch is when it sees them. The confidence is lower where some of
the lines could belong to another attempt.

The sequences after **Looks like** are taken from the examples that `connwatch check` runs; the one after **Does not look like** is close, but must
not get the diagnosis. Each word is a request followed by its HTTP status. `*3` means three of them, `+60` a pause of a minute. `post`, `get`, `sniff`
(HEAD) and `delete` go to the MCP URL; `prm` and `asm` are the metadata of the resource and of the authorization server; `authorize`, `page` and
`decide` are requests of the browser.

**Real cases** are public reports, in our words. What a reporter or a vendor gives as the cause is said to be theirs."""


def sentence(text: str) -> str:
    """A template's text for a reader: its fields in italics, in one line."""
    return " ".join(FIELD.sub(r"*\1*", text).replace("**", "* *").split())


def referred(text: str) -> str:
    """A reference, with a link where it is an RFC."""

    def link(found: re.Match[str]) -> str:
        where = f"#section-{found[2]}" if found[2] else ""
        return f"[{found[0]}](https://www.rfc-editor.org/rfc/rfc{found[1]}{where})"

    return RFC.sub(link, text)


def places(entry: Entry) -> str:
    """Where an attempt with this diagnosis stops, in the order of a connection."""
    return ", ".join(f"`{place}`" for place in sorted(entry.get("stuck_at", []), key=PLACES.index)) or "nothing"


def signature(entry: Entry) -> Iterator[str]:
    """What is seen: each way to recognise it with its confidence, then examples."""
    whole = sentence(str(entry.get("summary", "")))
    ways: dict[str, list[int]] = {}
    for case in entry.get("case", []):
        ways.setdefault(sentence(str(case.get("summary", whole))), []).append(round(100 * case["confidence"]))
    for said, sure in sorted(ways.items(), key=lambda way: -max(way[1])):
        yield f"- {said} Confidence: {min(sure)} %" + (f" to {max(sure)} %" if max(sure) > min(sure) else "") + "."
    examples = entry.get("example", [])
    taken = list(dict.fromkeys(str(one["trail"]) for one in examples if not one.get("near_miss")))[:MOST_TRAILS]
    left = [str(one["trail"]) for one in examples if one.get("near_miss")][:1]
    if taken:
        yield ""
        yield f"**Looks like:** {', or '.join(f'`{trail}`' for trail in taken)}."
    if left:
        yield ""
        yield f"**Does not look like:** `{left[0]}`."


def causes(entry: Entry) -> Iterator[str]:
    """What to look at, for every attempt with the diagnosis or for one way to recognise it."""
    if entry.get("checks"):
        yield ""
        yield from (f"- {sentence(str(check))}" for check in entry["checks"])
    for case in entry.get("case", []):
        if case.get("checks"):
            yield f"\n{CLIENTS[case['when'].get('hosted')]}\n"
            yield from (f"- {sentence(str(check))}" for check in case["checks"])


def page(code: str, entry: Entry, cases: Sequence[Entry], near: Sequence[str]) -> Iterator[str]:
    """The page of one diagnosis. `near` are those that stop at one of the same places."""
    yield f"# `{code}`"
    yield ""
    yield f"{sentence(str(entry.get('title', '')))}. The attempt is stuck at: {places(entry)}."
    yield "([All diagnoses, and how to read this page](../diagnoses.md))"
    yield "\n## Signature\n"
    yield from signature(entry)
    yield "\n## Causes, and how to tell them apart"
    yield from causes(entry)
    yield "\n## What to do\n"
    yield sentence(str(entry["remedy"]))
    yield "\n## What would refute it\n"
    yield sentence(str(entry["refuted_by"]))
    yield "\n## Real cases\n"
    yield from (f"- {case['client']}, {case['date']}: {case['seen']} ([source]({case['source']}))" for case in cases)
    if not cases:
        yield "None that was reported in public is known to us; the examples above were made or recorded for the catalogue."
    if near or entry.get("see"):
        yield "\n## See also\n"
    if entry.get("see"):
        yield f"- References: {'; '.join(map(referred, entry['see']))}"
    if near:
        yield f"- Diagnoses that stop at the same place: {', '.join(f'[`{other}`]({other}.md)' for other in near)}"


def index(entries: Mapping[str, Entry]) -> Iterator[str]:
    yield INDEX
    for code, entry in sorted(entries.items()):
        yield f"| [`{code}`](diagnoses/{code}.md) | {sentence(str(entry.get('title', '')))} | {places(entry)} |"
    yield READING


def neighbours(one: Entry, other: Entry) -> bool:
    """Whether both are about few places, and one of these is the same."""
    places = [set(entry.get("stuck_at", [])) for entry in (one, other)]
    return all(len(few) <= MOST_PLACES for few in places) and bool(places[0] & places[1])


def diagnosis_pages(entries: Mapping[str, Entry]) -> dict[str, Iterable[str]]:
    """Every page by its name below docs/, and its lines."""
    cases = tomllib.loads(CASES.read_text(encoding="utf-8"))["case"]
    if unknown := {case["code"] for case in cases} - set(entries):
        raise ValueError(f"{CASES.name}: no diagnosis is called {', '.join(sorted(unknown))}")
    written: dict[str, Iterable[str]] = {"diagnoses.md": index(entries)}
    for code, entry in entries.items():
        near = sorted(other for other, one in entries.items() if other != code and neighbours(entry, one))
        written[f"diagnoses/{code}.md"] = page(code, entry, [case for case in cases if case["code"] == code], near)
    return written
