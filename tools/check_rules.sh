#!/usr/bin/env bash
# Lets promtool and amtool judge what deploy/prometheus holds: rules, their tests, the examples of a configuration. A tool that is not here is
# named and left out; whatever one objects to ends this with its status.
set -euo pipefail
cd "$(dirname "$0")/../deploy/prometheus"

if command -v promtool > /dev/null; then
    promtool check config prometheus.yml # and the rules it names
    promtool check rules rules/*.yml
    promtool test rules tests/*.yml
else
    echo "rules: no promtool here, nothing was checked" >&2
fi
if command -v amtool > /dev/null; then
    amtool check-config alertmanager.yml
else
    echo "rules: no amtool here, alertmanager.yml was not checked" >&2
fi
