"""What grouping reaches without connwatch: two simple rules on the proxy's lines, scored as connwatch is.

They say how hard the recorded captures are. `address` puts lines of one client address together. `greedy` gives each line to
the open attempt whose last stage it may follow, preferring the same address, then the same agent, then the most recent.
Must not know connwatch: a baseline that shared its parser would share its mistakes.
"""

from __future__ import annotations

import collections
import json
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

LINE = re.compile(
    r"(?P<address>\S+) - \S+ \[[^\]]*:(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d) [^\]]*\] "
    r'"(?P<method>[A-Z]+) (?P<path>[^ ?"]*)[^"]*" (?P<status>\d{3}) \d+ "[^"]*" "(?P<agent>[^"]*)"'
)
SHAPES = (
    ("oauth-protected-resource", 1),
    ("oauth-authorization-server", 2),
    ("openid-configuration", 2),
    ("register", 3),
    ("authorize", 4),
    ("consent", 5),
    ("token", 6),
)
FORGOTTEN_AFTER = 900  # seconds

Key = tuple[str, int]  # file, 1-based line


class Score(NamedTuple):
    """B-cubed, between 0 and 1."""

    precision: float
    recall: float
    f1: float


class Seen(NamedTuple):
    """One proxy line: where, when (seconds of the day), what."""

    key: Key
    at: int
    address: str
    agent: str
    rank: int


def bcubed(truth: dict[Key, str], found: dict[Key, str]) -> Score:
    """Each line's share of true companions in its found group, and of found companions in its true group, averaged over the lines."""
    true_groups: dict[str, set[Key]] = collections.defaultdict(set)
    found_groups: dict[str, set[Key]] = collections.defaultdict(set)
    for key, name in truth.items():
        true_groups[name].add(key)
    for key, name in found.items():
        found_groups[name].add(key)
    precision = recall = 0.0
    for key, name in truth.items():
        mine = found_groups[found[key]] if key in found else {key}
        common = len(mine & true_groups[name])
        precision += common / len(mine)
        recall += common / len(true_groups[name])
    precision, recall = precision / len(truth), recall / len(truth)
    return Score(precision, recall, 2 * precision * recall / (precision + recall))


def rank(path: str, status: int) -> int:
    """Where in the flow a request stands, by its path and status alone."""
    for word, place in SHAPES:
        if word in path:
            return place
    return 0 if status == 401 else 7


def read(folder: pathlib.Path, file: str, wanted: Iterable[Key]) -> list[Seen]:
    numbers = {number for name, number in wanted if name == file}
    seen = []
    for number, text in enumerate((folder / file).read_text(encoding="utf-8", errors="replace").split("\n"), 1):
        hit = LINE.search(text) if number in numbers else None
        if hit:
            at = int(hit["h"]) * 3600 + int(hit["m"]) * 60 + int(hit["s"])
            seen.append(Seen((file, number), at, hit["address"], hit["agent"], rank(hit["path"], int(hit["status"]))))
    return seen


def by_address(lines: list[Seen]) -> dict[Key, str]:
    return {line.key: line.address for line in lines}


def alike(one: Seen, other: Seen) -> tuple[bool, bool]:
    return one.address == other.address, one.agent == other.agent


def greedy(lines: list[Seen]) -> dict[Key, str]:
    last: dict[str, Seen] = {}
    groups: dict[Key, str] = {}
    for line in lines:
        fitting = [name for name, before in last.items() if before.rank <= line.rank and 0 <= line.at - before.at <= FORGOTTEN_AFTER]
        if line.rank == 0:  # a challenge begins an attempt, unless it is one of a burst
            fitting = [name for name in fitting if alike(last[name], line) == (True, True) and line.at - last[name].at < 2]
        best = max(fitting, key=lambda name: (*alike(last[name], line), last[name].key[1]), default=None)
        name = best or f"g{line.key[1]}"
        last[name], groups[line.key] = line, name
    return groups


RULES: dict[str, Callable[[list[Seen]], dict[Key, str]]] = {"client address": by_address, "stage order, greedy": greedy}


def measure(root: pathlib.Path) -> dict[str, Score]:
    """Both baselines over every capture below `root` that has a proxy log, each capture weighted by its lines."""
    totals = {title: [0.0, 0.0, 0.0] for title in RULES}
    weight = 0
    for path in sorted(root.glob("*/truth.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        files = [source["file"] for source in told["sources"] if source["role"] == "proxy"]
        truth = {(file, number): tag for tag, attempt in told["attempts"].items() for file in files for number in attempt["lines"].get(file, [])}
        if not truth:
            continue
        weight += len(truth)
        lines = [line for file in files for line in read(path.parent, file, truth)]
        for title, rule in RULES.items():
            for place, value in enumerate(bcubed(truth, rule(lines))):
                totals[title][place] += value * len(truth)
    return {title: Score(*(value / max(weight, 1) for value in values)) for title, values in totals.items()}
