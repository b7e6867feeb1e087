#!/usr/bin/env bash
# Writes requirements/lock.txt from pyproject.toml: runtime, build back end and development tools, every version pinned with the hashes of its files;
# and requirements/runtime.txt, the part of it that the program needs to run, which is what an installation takes.
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
"$work/venv/bin/python" -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]))' > "$work/runtime.in"

# What stands in the output file already is kept: so the runtime list has the versions of the whole one.
compile() {
    "$work/venv/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate --no-config \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@"
}
written() {
    echo "# Written by \`make lock\` from pyproject.toml; do not edit. $1"
    grep -vE '^ *(#|$|--(index|extra|find|trusted))' "$2"
}

[ ! -f requirements/lock.txt ] || cp requirements/lock.txt "$work/lock.txt"
compile "$@" --output-file "$work/lock.txt" "$work/all.in"
cp "$work/lock.txt" "$work/runtime.txt"
compile --output-file "$work/runtime.txt" "$work/runtime.in"

mkdir -p requirements
written "\`make venv\` installs it with --require-hashes." "$work/lock.txt" > requirements/lock.txt
written "What connwatch needs to run, a part of lock.txt: installed with --require-hashes." "$work/runtime.txt" > requirements/runtime.txt
