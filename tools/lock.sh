#!/usr/bin/env bash
# Writes requirements/lock.txt from pyproject.toml: runtime, build back end and development tools, every version pinned with the hashes of its files.
# Keeps what is locked unless told --upgrade. Holds names, versions and hashes only: where files come from is pip's affair.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pip-tools

# pip-tools does not read dependency groups: hand it one plain list.
"$work/venv/bin/python" - > "$work/all.in" <<'PY'
import tomllib

with open("pyproject.toml", "rb") as file:
    data = tomllib.load(file)
groups = data["dependency-groups"]
print("\n".join([*data["project"]["dependencies"], *groups["build"], *groups["dev"]]))
PY

[ ! -f requirements/lock.txt ] || cp requirements/lock.txt "$work/lock.txt"
"$work/venv/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate --no-config \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@" --output-file "$work/lock.txt" "$work/all.in"

mkdir -p requirements
{
    echo "# Written by \`make lock\` from pyproject.toml; do not edit. \`make venv\` installs it with --require-hashes."
    grep -vE '^ *(#|$|--(index|extra|find|trusted))' "$work/lock.txt"
} > requirements/lock.txt
