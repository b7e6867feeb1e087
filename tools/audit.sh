#!/usr/bin/env bash
# Asks for known vulnerabilities of what requirements/lock.txt pins. Exit status 0: none is known, or nobody could be asked, which is said; 1: there are some.
# pip-audit is no dependency of connwatch: it has an environment of its own.
set -uo pipefail
cd "$(dirname "$0")/.."
home=.cache/audit

say() { printf 'audit: %s\n' "$*"; }
skip() { say "skipped: $*"; exit 0; }

if [ ! -x "$home/bin/pip-audit" ]; then
    { python3 -m venv --clear "$home" && "$home/bin/pip" install -q --disable-pip-version-check 'pip-audit>=2.7'; } > /dev/null 2>&1 || skip "pip-audit could not be installed"
fi
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
for service in pypi osv; do
    timeout 120 "$home/bin/pip-audit" -r requirements/lock.txt --disable-pip --require-hashes --progress-spinner off -s "$service" -f json > "$answer" 2> /dev/null
    # 0: somebody answered for every package; 1: for some package there is something; 2: not all were answered for
    "$home/bin/python" - "$answer" "$service" << 'PY'
import json
import sys

try:
    with open(sys.argv[1]) as file:
        rows = json.load(file)["dependencies"]
except (ValueError, KeyError):
    sys.exit(2)
known = [(row["name"], row["version"], one["id"]) for row in rows for one in row.get("vulns", ())]
for name, version, one in known:
    print(f"audit: {name} {version}: {one}")
if known:
    sys.exit(1)
if any("skip_reason" in row for row in rows):
    sys.exit(2)
print(f"audit: {len(rows)} packages, no known vulnerability ({sys.argv[2]})")
PY
    case $? in 0) exit 0 ;; 1) exit 1 ;; esac
done
skip "no advisory service could be reached, or none knows all the packages"
