#!/usr/bin/env python3
"""Read dashboards into the types of Grafana's foundation SDK and write them out again: what is lost on the way is nothing that Grafana knows.

    check_dashboards.py FILE...

Needs grafana-foundation-sdk, in an environment of its own (tools/real.sh makes one in .cache/grafana). Exit status 1 where something is lost.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Fields of an annotation by a Prometheus query that Grafana reads and the SDK has no type for.
UNTYPED = {".annotations.list[].step", ".annotations.list[].titleFormat", ".annotations.list[].textFormat"}


def lost(given: Any, back: Any, place: str = "") -> Iterator[str]:
    """The places of what did not come back as it was given."""
    if isinstance(given, dict):
        for key, value in given.items():
            where = f"{place}.{key}"
            if not isinstance(back, dict) or key not in back:
                if value not in (None, {}, [], "") and where not in UNTYPED:
                    yield where
            else:
                yield from lost(value, back[key], where)
    elif isinstance(given, list):
        if not isinstance(back, list) or len(back) != len(given):
            yield place
            return
        for one, other in zip(given, back, strict=True):
            yield from lost(one, other, f"{place}[]")
    elif given != back:
        yield f"{place}: {given!r} became {back!r}"


def main(files: list[str]) -> int:
    from grafana_foundation_sdk.cog import encoder, plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    plugins.register_default_plugins()
    wrong = 0
    for file in files:
        given = json.loads(Path(file).read_text(encoding="utf-8"))
        back = json.loads(encoder.JSONEncoder().encode(Dashboard.from_json(given)))
        for place in lost(given, back):
            print(f"{file}: {place}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
