#!/usr/bin/env bash
# Gets the real components that some tests need: nginx, promtool and prometheus, alertmanager, dockerd (this system's and a newer one), haproxy, sshd,
# a journal, a browser, the MCP SDKs for Python and for TypeScript. With root and apt
# it installs what is missing; without, it says which tests will be skipped, and what to install. Never fails: a missing component is a skip with a reason.
set -uo pipefail
cd "$(dirname "$0")/.."
cache=.cache/real # promtool and prometheus are taken out of their package: installing that would start a server

say() { printf 'real components: %s\n' "$*"; }

have() {
    case $1 in
        promtool) command -v promtool prometheus > /dev/null || [ -x "$cache/usr/bin/promtool" ] ;;
        alertmanager) command -v prometheus-alertmanager > /dev/null && command -v amtool > /dev/null ;;
        mcp) [ -x .cache/mcp/bin/python ] && .cache/mcp/bin/python -c 'import mcp' 2> /dev/null ;;
        grafana) [ -x .cache/grafana/bin/python ] && .cache/grafana/bin/python -c 'import grafana_foundation_sdk' 2> /dev/null ;;
        mcp-js) command -v node > /dev/null && [ -d .cache/mcp-js/node_modules/@modelcontextprotocol/sdk ] ;;
        nginx | haproxy) command -v "$1" > /dev/null || [ -x "/usr/sbin/$1" ] ;;
        dockerd) { command -v dockerd > /dev/null || [ -x /usr/sbin/dockerd ]; } && command -v docker > /dev/null && command -v busybox > /dev/null ;;
        docker26) [ -x "$cache/docker26/usr/sbin/dockerd" ] ;;
        compose) [ -x "$cache/compose/usr/libexec/docker/cli-plugins/docker-compose" ] ;;
        debian) [ -x "$cache/bookworm/usr/bin/pipx" ] ;;
        wheels) ls "$cache"/wheels/pydantic_core-*.whl > /dev/null 2>&1 ;;
        systemd) command -v systemd-analyze > /dev/null ;;
        sshd) command -v ssh busybox iptables ip > /dev/null && { command -v sshd > /dev/null || [ -x /usr/sbin/sshd ]; } ;;
        chromium) command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null ;;
        journal) command -v journalctl > /dev/null && [ -x /lib/systemd/systemd-journal-remote ] ;;
    esac
}

may_fetch() { [ -z "${CONNWATCH_NO_INSTALL:-}" ]; }
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null && [ -z "${CONNWATCH_NO_INSTALL:-}" ]; }

install() {
    # A package must not start a server of its own here: 101 is policy-rc.d's word for "not allowed".
    local policy=/usr/sbin/policy-rc.d mine=
    if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && mine=yes; fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null 2>&1
    [ -z "$mine" ] || rm -f "$policy"
}

get_nginx() { install nginx-light; }
get_sshd() { install openssh-server openssh-client iptables iproute2 busybox-static; }
get_journal() { install systemd-journal-remote; }
get_chromium() { install chromium; }
get_dockerd() { install docker.io busybox-static; }
# The next Debian's engine, in a tree of its own. Made elsewhere first: half a tree must not look like a whole one.
get_docker26() {
    rm -rf "$cache/docker26.part"
    mkdir -p "$cache" && chmod 755 "$cache"
    debootstrap --variant=minbase --include=docker.io,ca-certificates,iptables trixie "$cache/docker26.part" > /dev/null 2>&1 || return
    rm -rf "$cache/docker26.part/var/cache/apt" && mv "$cache/docker26.part" "$cache/docker26"
}
get_systemd() { install systemd; }
# Debian 12 has no compose of this generation: the next one's, unpacked beside.
get_compose() {
    local work own
    work=$(mktemp -d) && mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$cache/compose"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n' > "$work/sources.list"
    own=(-o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache")
    apt-get "${own[@]}" update -qq > /dev/null 2>&1 \
        && (cd "$work" && apt-get "${own[@]}" download -qq docker-compose > /dev/null 2>&1) && dpkg -x "$work"/docker-compose_*.deb "$cache/compose"
    rm -rf "$work"
}
# A clean Debian 12 to install into, and to make an image of; nothing in it is started.
get_debian() {
    local tree=$cache/bookworm.part
    rm -rf "$tree"
    mkdir -p "$cache" && chmod 755 "$cache"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$tree" > /dev/null 2>&1 || return
    printf '#!/bin/sh\nexit 101\n' > "$tree/usr/sbin/policy-rc.d" && chmod +x "$tree/usr/sbin/policy-rc.d"
    DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get install -y -qq --no-install-recommends \
        pipx systemd-standalone-sysusers openssh-client openssh-server sudo curl haproxy > /dev/null 2>&1 || return
    rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* && mv "$tree" "$cache/bookworm"
}
# What an installation takes, so that tests install without a network; pip, setuptools and uv for the tools that bring or are them.
get_wheels() {
    local pip=(.venv/bin/pip download -q --disable-pip-version-check -d "$cache/wheels")
    mkdir -p "$cache/wheels"
    "${pip[@]}" --no-deps --require-hashes -r requirements/runtime.txt > /dev/null 2>&1 && "${pip[@]}" --no-deps --require-hashes -r requirements/build.txt > /dev/null 2>&1 \
        && "${pip[@]}" pip setuptools wheel uv > /dev/null 2>&1
}
get_haproxy() { install haproxy; }

# The official SDK plays server and clients; it is no dependency of connwatch, so it has an environment of its own.
get_mcp() { .venv/bin/python -m venv --clear .cache/mcp && .cache/mcp/bin/pip install -q --disable-pip-version-check 'mcp==2.3.0' > /dev/null 2>&1; }
get_mcp-js() {
    command -v npm > /dev/null || { may_install && install nodejs npm; }
    command -v npm > /dev/null || return
    mkdir -p .cache/mcp-js
    npm install --prefix .cache/mcp-js --silent --no-audit --no-fund --ignore-scripts '@modelcontextprotocol/sdk@1.32.2' > /dev/null 2>&1
}

# The types that Grafana publishes for dashboards; the version is that of the schema, with an epoch.
get_grafana() { .venv/bin/python -m venv --clear .cache/grafana && .cache/grafana/bin/pip install -q --disable-pip-version-check 'grafana-foundation-sdk==1769699998!10.1.0' > /dev/null 2>&1; }

get_promtool() {
    mkdir -p "$cache" && chmod 755 "$cache"
    (cd "$cache" && apt-get download -qq prometheus > /dev/null 2>&1 && dpkg -x prometheus_*.deb . && rm -f prometheus_*.deb)
}

# Alertmanager reads templates at a fixed path of the system, so this one is installed; install() keeps it from being started.
get_alertmanager() { install prometheus-alertmanager; }

all=(nginx promtool alertmanager dockerd docker26 compose debian wheels systemd haproxy sshd journal chromium grafana mcp mcp-js)
missing=()
for component in "${all[@]}"; do have "$component" || missing+=("$component"); done

# Those of the given components that are missing, one after another. What pip fetches needs no root; mcp-js asks for it where there is no npm.
in_turn() {
    local component
    for component in "$@"; do
        [[ " ${missing[*]} " = *" $component "* ]] || continue
        case $component in
            grafana | wheels | mcp | mcp-js) may_fetch || continue ;;
            *) may_install || continue ;;
        esac
        say "installing $component"
        "get_$component"
    done
}

# Side by side: the system's own packages, for which apt has one lock; two trees; and what needs neither. Most of it waits for the network.
if [ ${#missing[@]} -gt 0 ]; then
    mkdir -p "$cache" && chmod 755 "$cache"
    if may_install; then
        apt-get update -qq > /dev/null 2>&1
        [[ " ${missing[*]} " != *" docker26 "* && " ${missing[*]} " != *" debian "* ]] || command -v debootstrap > /dev/null || install debootstrap
    fi
    in_turn nginx promtool alertmanager dockerd systemd haproxy sshd journal chromium mcp-js &
    in_turn docker26 &
    in_turn debian &
    in_turn wheels mcp grafana compose &
    wait
fi

for component in "${missing[@]}"; do
    have "$component" && continue
    case $component in
        nginx) say "no nginx: tests that need it are skipped (apt-get install nginx-light)" ;;
        dockerd) say "no dockerd or busybox: the docker source is not tried on a real engine (apt-get install docker.io busybox-static)" ;;
        docker26) say "no newer engine: the docker source is tried on this system's alone (needs root, apt and debootstrap)" ;;
        compose) say "no docker compose: the compose file is not tried (needs apt, as root)" ;;
        debian) say "no Debian tree: installing is not tried (needs root, apt and debootstrap)" ;;
        wheels) say "no wheels: installing is not tried (pip download -r requirements/runtime.txt -d .cache/real/wheels)" ;;
        systemd) say "no systemd-analyze: the unit is not looked at by systemd's own analyzers (apt-get install systemd)" ;;
        haproxy) say "no haproxy: the docker source is not tried behind a socket proxy (apt-get install haproxy)" ;;
        chromium) say "no browser: the page is not tried in one (apt-get install chromium)" ;;
        mcp) say "no MCP SDK: the whole path is not tried with real clients (pip install mcp, into .cache/mcp)" ;;
        grafana) say "no Grafana SDK: dashboards are not read into Grafana's types (pip install grafana-foundation-sdk, into .cache/grafana)" ;;
        mcp-js) say "no MCP SDK for TypeScript: the day of an operator is not tried (apt-get install nodejs npm; npm install @modelcontextprotocol/sdk, into .cache/mcp-js)" ;;
        sshd) say "no sshd, or not all that its tests need: some are skipped (apt-get install openssh-server iptables iproute2 busybox-static)" ;;
        journal) say "no journal: tests of the journald source are skipped (apt-get install systemd-journal-remote)" ;;
        promtool) say "no promtool: /metrics is checked by the Python parser alone, rules and dashboards are not tried (apt-get install prometheus)" ;;
        alertmanager) say "no alertmanager: no alert is sent for trial (apt-get install prometheus-alertmanager)" ;;
    esac
done
exit 0
