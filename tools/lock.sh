#!/usr/bin/env bash
# Writes requirements/lock.txt from pyproject.toml: runtime, build back end and development tools, every version pinned with the hashes of its files;
# and two parts of it: requirements/runtime.txt, what the program needs to run, with its extras, and requirements/build.txt, what builds its wheel.
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
groups, project = data["dependency-groups"], data["project"]
extras = [one for extra in project["optional-dependencies"].values() for one in extra]
print("\n".join([*project["dependencies"], *extras, *groups["build"], *groups["dev"]]))
PY
"$work/venv/bin/python" - "$work" <<'PY'
import pathlib
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    data = tomllib.load(file)
extras = [one for extra in data["project"]["optional-dependencies"].values() for one in extra]
for name, wanted in (("runtime", [*data["project"]["dependencies"], *extras]), ("build", data["dependency-groups"]["build"])):
    pathlib.Path(sys.argv[1], f"{name}.in").write_text("\n".join(wanted), encoding="utf-8")
PY

# What stands in the output file already is kept: so the parts have the versions of the whole.
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
for part in runtime build; do
    cp "$work/lock.txt" "$work/$part.txt"
    compile --output-file "$work/$part.txt" "$work/$part.in"
done

mkdir -p requirements
written "\`make venv\` installs it with --require-hashes." "$work/lock.txt" > requirements/lock.txt
written "What connwatch needs to run, with its extras, a part of lock.txt: installed with --require-hashes." "$work/runtime.txt" > requirements/runtime.txt
written "What builds the wheel, a part of lock.txt: installed with --require-hashes." "$work/build.txt" > requirements/build.txt
