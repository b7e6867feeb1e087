#!/usr/bin/env python3
"""Write the Grafana dashboards of deploy/grafana/dashboards as they stand here. `--check` writes nothing and ends with 1 when a file differs.

What a panel asks stands in tools/panels.py; here is what Grafana wants around it.
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

from panels import ITSELF, OVERVIEW, RESTARTS, Panel, Query

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"
RUNBOOKS = "docs/runbooks/"  # docs/monitoring.md says how to put the address of a copy in front
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
Json = dict[str, Any]


def variable(name: str, label: str, series: str, wanted: str) -> Json:
    """Values of a label, several at once; all of them unless told."""
    query = f"label_values({series}, {wanted})"
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "query": {"query": query, "refId": name},
        "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}, "refresh": 2, "sort": 1,
    }  # fmt: skip


def thresholds(steps: Iterable[tuple[float | None, str]]) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def target(query: Query, letter: str, kind: str) -> Json:
    once = kind in {"stat", "bargauge", "table"}
    made: Json = {
        "refId": letter, "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend, "editorMode": "code",
        "instant": once, "range": not once, "exemplar": query.exemplars,
    }  # fmt: skip
    return made | ({"format": "table"} if kind == "table" else {})


def options(panel: Panel) -> Json:
    """How each kind of panel shows what it got."""
    last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    legend = {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"], "showLegend": True}
    shown: dict[str, Json] = {
        "stat": {"reduceOptions": last, "textMode": panel.text, "colorMode": "value", "graphMode": "none"},
        "bargauge": {"reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True},
        "timeseries": {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}},
        "state-timeline": {"mergeValues": True, "showValue": "never", "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}},
        "table": {"showHeader": True, "cellHeight": "sm"},
    }
    return shown[panel.kind]


def drawn(panel: Panel, number: int, x: int, y: int) -> Json:
    defaults: Json = {"unit": panel.unit, "color": {"mode": "thresholds" if panel.steps else "palette-classic"}, "noValue": panel.nothing}
    if panel.steps:
        defaults["thresholds"] = thresholds(panel.steps)
    if panel.words:
        defaults["mappings"] = [
            {"type": "value", "options": {value: {"text": text, "color": color, "index": at} for at, (value, text, color) in enumerate(panel.words)}}
        ]
    if panel.kind == "timeseries":
        how = "area" if panel.steps else "off"
        defaults["custom"] = {
            "drawStyle": "line", "lineInterpolation": "stepAfter", "fillOpacity": 15, "showPoints": "never", "thresholdsStyle": {"mode": how},
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        }  # fmt: skip
        defaults["min"] = 0
        defaults["color"] = {"mode": "palette-classic"}
    made: Json = {
        "id": number, "type": panel.kind, "title": panel.title, "description": panel.meaning, "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [target(query, chr(ord("A") + at), panel.kind) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options(panel),
        "links": [{"title": alert, "url": f"{RUNBOOKS}{alert}.md", "type": "link", "targetBlank": True} for alert in panel.alerts],
    }  # fmt: skip
    if panel.kind == "table":
        made["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": panel.column}}}]
        made["fieldConfig"]["defaults"].pop("unit")
        made["fieldConfig"]["overrides"] = [
            {"matcher": {"id": "byName", "options": panel.column}, "properties": [{"id": "unit", "value": panel.unit}]}
        ]
    return made


def laid_out(rows: Iterable[tuple[str, tuple[Panel, ...]]]) -> list[Json]:
    """Panels from the left to the right, and each row's name above it."""
    made: list[Json] = []
    y = 0
    for name, panels in rows:
        made.append(
            {"id": len(made) + 1, "type": "row", "title": name, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}, "panels": []}
        )
        x, y, height = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            made.append(drawn(panel, len(made) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return made


def dashboard(uid: str, title: str, meaning: str, rows: Iterable[tuple[str, tuple[Panel, ...]]], *others: Json) -> Json:
    restarts = {
        "name": "restarts of what is followed", "enable": True, "iconColor": "orange", "datasource": SOURCE, "expr": RESTARTS,
        "step": "60s", "titleFormat": "{{source}}", "textFormat": "{{reason}}",
    }  # fmt: skip
    return {
        "uid": uid, "title": title, "description": meaning, "tags": ["connwatch"], "schemaVersion": 39, "editable": True, "graphTooltip": 1,
        "timezone": "browser", "time": {"from": "now-24h", "to": "now"}, "refresh": "1m",
        "links": [
            {
                "title": "connwatch", "type": "dashboards", "tags": ["connwatch"], "asDropdown": False, "includeVars": True, "keepTime": True,
                "icon": "external link", "targetBlank": False, "tooltip": "the other dashboard", "url": "",
            },
            {
                "title": "runbooks", "type": "link", "url": f"{RUNBOOKS}README.md", "icon": "doc", "targetBlank": True, "tags": [],
                "asDropdown": False, "includeVars": False, "keepTime": False, "tooltip": "what each alert means",
            },
        ],
        "annotations": {"list": [restarts]},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1},
                variable("job", "job", "connwatch_build_info", "job"),
                *others,
            ]
        },
        "panels": laid_out(rows),
    }  # fmt: skip


def built() -> dict[str, str]:
    """File name -> what stands in it."""
    of_job = '{job=~"$job"}'
    boards = (
        dashboard(
            "connwatch-overview", "connwatch: connectors", "Which clients connect, where they stop and why.", OVERVIEW,
            variable("client", "client", f"connwatch_attempts_started_total{of_job}", "client"),
            variable("server", "server", f"connwatch_attempts_started_total{of_job}", "host"),
        ),
        dashboard("connwatch-itself", "connwatch: sources and itself", "Whether what is shown can be believed.", ITSELF),
    )  # fmt: skip
    return {f"{board['uid']}.json": json.dumps(board, indent=1, ensure_ascii=False) + "\n" for board in boards}


def main() -> int:
    files = built()
    if "--check" in sys.argv[1:]:
        differ = [name for name, text in files.items() if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != text]
        for name in differ:
            print(f"dashboards: {name} is not what tools/dashboards.py writes: run it, or make docs", file=sys.stderr)
        return 1 if differ else 0
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
