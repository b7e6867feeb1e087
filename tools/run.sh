#!/usr/bin/env bash
# `make run`: $1 is connwatch, $2 a configuration file or nothing, the rest is passed on. Says what to look at.
set -euo pipefail
connwatch=$1
config=$2
shift 2
if [ -n "$config" ]; then
    echo "connwatch: the daemon on $config; metrics and health at the address under [http] there (http://127.0.0.1:9817 unless it says otherwise)" >&2
    exec "$connwatch" run --config "$config" "$@"
fi
echo "connwatch: no configuration, so a recorded stream is played. Look at http://127.0.0.1:9817/ and /metrics; in another terminal: $connwatch tail" >&2
exec "$connwatch" demo --serve "$@"
