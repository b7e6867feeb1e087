#!/usr/bin/env bash
# Builds the virtual environment $1 (default .venv) from the lock file, with connwatch itself installed so that edits take effect at once.
# Safe to repeat: what is there already stays. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
python=${PYTHON:-python3}

say() { printf 'make venv: %s\n' "$*" >&2; }

if ! command -v "$python" > /dev/null; then
    say "no $python here. Debian and Ubuntu: apt-get install python3 python3-venv"
    exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "$("$python" --version) is too old, connwatch needs 3.11 or newer. Name another one: make venv PYTHON=python3.12"
    exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
    say "$python cannot make virtual environments. Debian and Ubuntu: apt-get install python3-venv"
    exit 2
fi

if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
say "installing what requirements/lock.txt pins into $venv"
"$venv/bin/python" -m pip install -qq --require-hashes --no-deps -r requirements/lock.txt
"$venv/bin/python" -m pip install -qq --no-deps --no-build-isolation --no-index -e .
"$venv/bin/python" -m pip check > /dev/null || "$venv/bin/python" -m pip check
touch "$venv/.stamp"
say "ready: $venv/bin/connwatch"
