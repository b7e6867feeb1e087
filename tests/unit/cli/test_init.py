"""`connwatch init`: what it takes a container for, what it follows and advises, what it writes, and that it overwrites nothing."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connwatch.cli import lookaround
from connwatch.cli.checking import Look, look_through
from connwatch.cli.choosing import Choice, Wanted, choose
from connwatch.cli.drafting import draft, quoted
from connwatch.cli.found import SETTINGS, Engine, Found, LogFile, container_of, role_of, units_named
from connwatch.cli.main import cli
from connwatch.settings.advice import RECOMMENDED
from connwatch.settings.loader import load_catalogue
from connwatch.settings.settings import load_settings
from support.fake_engine import FakeEngine, Request, fake_engine

FORMATS = load_catalogue().formats
LINE = 'mcp.example.org 172.20.0.5 - - [02/Nov/2025:18:03:15 +0000] "POST /mcp HTTP/1.1" 401 85 "-" "Claude-User/1.0" "172.20.0.4:8080"'


def inspected(name: str, image: str, *env: str, status: str = "running", driver: str = "json-file", **labels: str) -> dict[str, Any]:
    """A container as the engine describes it; `project` and `service` are the labels of compose."""
    compose = {f"com.docker.compose.{key}": labels.pop(key) for key in ("project", "service") if key in labels}
    return {
        "Name": f"/{name}",
        "Created": "2026-11-23T07:56:04.000000000Z",
        "State": {"Status": status, "StartedAt": "2026-11-23T07:56:04.000000000Z", "ExitCode": 0},
        "Config": {"Image": image, "Tty": False, "Env": ["PATH=/bin", "CODA_API_TOKEN=sEcReT", *env], "Labels": {**labels, **compose}},
        "HostConfig": {"LogConfig": {"Type": driver, "Config": {}}},
    }


PROXY = inspected("nginx-proxy", "nginxproxy/nginx-proxy:latest", "TRUST_DOWNSTREAM_PROXY=true")
SERVER = inspected("coda-mcp", "coda-mcp:v1.0.12", "VIRTUAL_HOST=Coda.Example.com,*.example.com,~^mcp\\..+")
TUNNEL = inspected("cloudflared", "cloudflare/cloudflared:latest", "TUNNEL_TOKEN=sEcReT")


def chosen(*containers: dict[str, Any], address: str = "unix:///var/run/docker.sock", given: bool = False) -> Choice:
    return choose(Found(Engine(address, given, containers=tuple(container_of(one) for one in containers))), FORMATS)


def said(choice: Choice) -> str:
    return "\n".join(f"{remark.what} {remark.do} {remark.setting}" for remark in choice.remarks)


def read_back(choice: Choice, tmp_path: Path) -> Any:
    path = tmp_path / "connwatch.toml"
    path.write_text(draft(choice, str(path)), encoding="utf-8")
    return load_settings(path, {})


@pytest.mark.parametrize(
    ("image", "name", "service", "role"),
    [
        ("nginxproxy/nginx-proxy:1.7-alpine@sha256:0ab", "front", "", "proxy"),
        ("jwilder/nginx-proxy", "web", "", "proxy"),
        ("registry.example.org:5000/mirror/caddy:2", "c", "", "proxy"),
        ("busybox", "my-nginx-proxy", "", "proxy"),
        ("nginxproxy/acme-companion", "nginx-proxy-acme", "", "other"),
        ("connwatch:0.9", "mcp-watch", "", "other"),
        ("cloudflare/cloudflared:latest", "mcp-tunnel", "", "tunnel"),
        ("node:22", "app", "coda_mcp", "server"),
        ("fastmcp/server", "x", "", "server"),
        ("postgres:16", "mcdb", "tmcps", "other"),
    ],
)
def test_a_container_is_taken_for_what_its_names_say(image: str, name: str, service: str, role: str) -> None:
    assert role_of(image, name, service) == role


def test_an_nginx_behind_nginx_proxy_is_a_site() -> None:
    assert role_of("nginx:alpine", "blog", "") == "proxy"
    assert role_of("nginx:alpine", "blog", "", virtual_host=True) == "other"


def test_of_an_environment_only_the_named_variables_are_kept() -> None:
    assert dict(container_of(SERVER).settings) == {"VIRTUAL_HOST": "Coda.Example.com,*.example.com,~^mcp\\..+"}
    assert "TOKEN" not in "".join(SETTINGS)
    assert "sEcReT" not in repr([container_of(one) for one in (PROXY, SERVER, TUNNEL)])


def test_both_logs_the_host_and_the_server_of_a_usual_droplet(tmp_path: Path) -> None:
    choice = chosen(PROXY, SERVER, TUNNEL, inspected("db", "postgres"))
    settings = read_back(choice, tmp_path)
    assert [(one.name, one.kind, one.container, one.host) for one in settings.sources] == [
        ("nginx-proxy", "docker", "nginx-proxy", None),
        ("coda-mcp", "docker", "coda-mcp", None),
    ]
    assert settings.metrics.hosts == ("coda.example.com",)
    assert settings.engine.servers == {"coda-mcp": "coda.example.com"}
    assert "HTTPS_METHOD: noredirect" in said(choice)
    assert "$request_time" in said(choice)
    recommended = FORMATS[RECOMMENDED]
    assert f"LOG_FORMAT: '{recommended['log_format']}{recommended['optional_tail']}'".replace("$", "$$") in said(choice)


def test_a_proxy_without_redirect_and_with_the_recommended_format_gets_no_advice() -> None:
    rich = f"{FORMATS[RECOMMENDED]['log_format']}{FORMATS[RECOMMENDED]['optional_tail']}"
    choice = chosen(inspected("nginx-proxy", "nginxproxy/nginx-proxy", f"LOG_FORMAT={rich}", "HTTPS_METHOD=noredirect"), SERVER, TUNNEL)
    assert choice.remarks == ()
    assert choice.formats == {}


def test_the_servers_own_https_method_wins_over_the_proxys() -> None:
    redirecting = inspected("coda-mcp", "coda-mcp:1", "VIRTUAL_HOST=a.example.org", "HTTPS_METHOD=redirect")
    proxy = inspected("nginx-proxy", "nginxproxy/nginx-proxy", "HTTPS_METHOD=noredirect")
    assert "noredirect" in said(chosen(proxy, redirecting, TUNNEL))
    assert "noredirect" not in said(chosen(proxy, SERVER, TUNNEL))


def test_a_log_format_of_the_operators_own_is_written_down(tmp_path: Path) -> None:
    own = '$host "$request" $status \\ [$time_local] "$http_user_agent"'
    choice = chosen(inspected("nginx-proxy", "nginxproxy/nginx-proxy", f"LOG_FORMAT={own}"), SERVER)
    settings = read_back(choice, tmp_path)
    assert settings.formats["nginx-proxy-own"].log_format == own
    assert settings.formats["nginx-proxy-own"].role == "proxy"
    assert "$connection" in said(choice)


def test_a_log_format_that_cannot_be_read_back_is_told_and_not_written() -> None:
    choice = chosen(inspected("nginx-proxy", "nginxproxy/nginx-proxy", "LOG_FORMAT=no variables at all"), SERVER)
    assert choice.formats == {}
    assert "cannot be read back" in said(choice)


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (inspected("nginx-proxy", "nginxproxy/nginx-proxy", "DISABLE_ACCESS_LOGS=true"), "DISABLE_ACCESS_LOGS"),
        (inspected("nginx-proxy", "nginxproxy/nginx-proxy", "LOG_JSON=true"), "take LOG_JSON away"),
        (inspected("nginx-proxy", "nginxproxy/nginx-proxy", driver="none"), "logs by the driver none"),
        (inspected("coda-mcp", "coda-mcp", VIRTUAL_HOST="mcp.example.org"), "VIRTUAL_HOST as a label"),
        (inspected("old-mcp", "coda-mcp", status="exited"), "old-mcp looks like a server and is exited"),
    ],
)
def test_what_is_wrong_is_told(container: dict[str, Any], words: str) -> None:
    sound = inspected("nginx-proxy", "nginxproxy/nginx-proxy", "HTTPS_METHOD=noredirect")
    assert words in said(chosen(*([] if container["Name"] == "/nginx-proxy" else [sound]), container))
    assert words not in said(chosen(sound, SERVER))


def test_containers_that_compose_named_are_followed_as_a_service_once(tmp_path: Path) -> None:
    two = [inspected(f"stack-mcp-{number}", "coda-mcp:1", project="stack", service="mcp") for number in (1, 2)]
    named = inspected("coda-mcp", "coda-mcp:1", project="stack", service="other-mcp")
    settings = read_back(chosen(*two, named), tmp_path)
    ways = [(one.name, one.container, one.project, one.service) for one in settings.sources]
    assert ways == [("stack-mcp", None, "stack", "mcp"), ("coda-mcp", "coda-mcp", None, None)]


def test_an_engine_elsewhere_is_named(tmp_path: Path) -> None:
    choice = chosen(PROXY, SERVER, address="ssh://operator@droplet", given=True)
    assert {one.host for one in read_back(choice, tmp_path).sources} == {"ssh://operator@droplet"}


def test_nothing_found_is_a_useful_file_all_the_same(tmp_path: Path) -> None:
    choice = choose(Found(Engine(error="no container engine answers")), FORMATS)
    settings = read_back(choice, tmp_path)
    assert settings.sources == ()
    text = draft(choice, "connwatch.toml")
    assert "# - Containers: no container engine answers." in text
    shown = "\n".join(line.removeprefix("# ") for line in text[text.index("# [[sources]]") : text.index("# Servers with")].splitlines())
    assert [one["name"] for one in tomllib.loads(shown)["sources"]] == ["nginx-proxy", "access", "far-server"]


def test_files_with_requests_and_units_are_followed_and_names_stay_distinct(tmp_path: Path) -> None:
    look = look_through("x", [LINE] * 3, "auto", FORMATS)
    files = (
        LogFile("/var/log/nginx/access.log", look),
        LogFile("/var/log/nginx-access.log", look),
        LogFile("/var/log/nginx/junk.log", Look("", 5, 5, "?", None)),
        LogFile("/var/log/nginx/private.log", "/var/log/nginx/private.log: permission denied"),
    )
    choice = choose(Found(files=files, units=("coda-mcp.service",)), FORMATS)
    assert [(one.name, one.kind) for one in read_back(choice, tmp_path).sources] == [
        ("nginx-access", "file"),
        ("nginx-access-2", "file"),
        ("coda-mcp", "journald"),
    ]
    assert "permission denied" in said(choice)
    assert "/var/log/nginx/access.log: its log format leaves out" in said(choice)


def test_lines_that_no_format_takes_are_told_with_the_command_that_shows_why() -> None:
    look = look_through("x", ["what is this"] * 20 + [LINE] * 5, "auto", FORMATS)
    choice = choose(Found(files=(LogFile("/var/log/nginx/access.log", look),)), FORMATS)
    assert "20 of 25 lines are in no known format. connwatch explain 'what is this'" in said(choice)


@pytest.mark.parametrize("text", ['a"b\\c', "line\nbreak\x1b[31m", "\x7f\x85\u202e", "\U000e0001 é 漢", "\udcff"])
def test_any_text_is_one_line_of_toml(text: str) -> None:
    written = quoted(text)
    assert written.isprintable()
    assert tomllib.loads(f"a = {written}")["a"] == text.replace("\udcff", "\ufffd")


def test_a_hostile_image_name_stays_in_its_comment() -> None:
    text = draft(Choice((Wanted("a", 'image x\n[[sources]]\nname = "b"', {"kind": "docker", "container": "a"}),)), "c\n[http]")
    assert [one["name"] for one in tomllib.loads(text)["sources"]] == ["a"]


def test_units_are_those_whose_names_look_like_a_server() -> None:
    text = "ssh.service\ncoda-mcp.service\nsession-4.scope\nmcp.slice\nfastmcp@1.service\ncoda-mcp.service\n"
    assert units_named(text) == ("coda-mcp.service", "fastmcp@1.service")


# the command


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without logs, units or an engine; its directory."""
    monkeypatch.setattr(lookaround, "PLACES", (f"{tmp_path}/log/*.log",))
    monkeypatch.setattr(lookaround, "_units", tuple)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, [*args])


def test_without_anything_a_file_is_written_that_passes_check_and_plain_words_say_why(bare: Path) -> None:
    path = bare / "connwatch.toml"
    result = run("init", str(path))
    assert result.exit_code == 0, result.stderr
    assert "no container engine answers at unix://" in result.stdout
    assert f"connwatch check --config {path}" in result.stdout
    assert "connwatch run" not in result.stdout
    assert run("check", "--config", str(path)).exit_code == 0


def test_a_file_that_exists_is_left_alone_and_the_engine_not_asked(bare: Path) -> None:
    path = bare / "connwatch.toml"
    path.write_text("mine")
    with fake_engine(bare / "engine.sock") as engine:
        result = run("init", str(path))
    assert (result.exit_code, engine.asked, path.read_text()) == (2, [], "mine")
    assert "exists, and is left as it is (name another file, or compare with `connwatch init --print`)" in result.stderr


def test_a_place_where_nothing_can_be_written_is_an_error(bare: Path) -> None:
    result = run("init", str(bare / "no" / "such" / "connwatch.toml"))
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.stderr


def test_print_writes_the_configuration_alone_to_standard_output(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare)
    (bare / "log").mkdir()
    (bare / "log" / "access.log").write_text(f"{LINE}\n" * 3)
    result = run("init", "--print")
    assert [one["path"] for one in tomllib.loads(result.stdout)["sources"]] == [f"{bare}/log/access.log"]
    assert "written     nothing" in result.stderr
    assert not (bare / "connwatch.toml").exists()


def test_a_directory_that_may_not_be_listed_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "log").mkdir()
    monkeypatch.setattr(lookaround.os, "access", lambda path, _: Path(path) != bare / "log")
    result = run("init", "--print")
    assert f"{bare}/log: may not be listed" in result.stderr
    assert f"# - {bare}/log: may not be listed" in result.stdout


def test_json_says_what_was_found_and_writes_nothing(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare)
    with fake_engine(bare / "engine.sock") as engine:
        describe(engine, SERVER)
        found = json.loads(run("init", "--json").stdout)
    assert found["schema"] == "connwatch.init/1"
    assert found["engine"] == {"address": f"unix://{bare}/engine.sock", "error": None}
    assert [(one["name"], one["role"]) for one in found["containers"]] == [("coda-mcp", "server")]
    assert tomllib.loads(found["configuration"])["metrics"] == {"hosts": ["coda.example.com"]}
    assert not (bare / "connwatch.toml").exists()
    assert "sEcReT" not in json.dumps(found)


def test_an_engine_that_says_nothing_is_given_up_and_what_it_told_is_kept(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookaround, "ENGINE_SECONDS", 1.0)
    with fake_engine(bare / "engine.sock") as engine:
        describe(engine, SERVER)
        engine.hooks[f"containers/{SERVER['Name'].lstrip('/')}/logs"] = lambda _: engine.over.wait()
        result = run("init", "--json")
    found = json.loads(result.stdout)
    assert found["engine"]["error"].endswith("did not tell everything within 1 s")
    assert [one["name"] for one in found["sources"]] == ["coda-mcp"]


def describe(engine: FakeEngine, container: dict[str, Any]) -> None:
    """Let the engine have this container, with an empty log."""

    def empty(request: Request) -> None:
        request.begin()
        request.chunk(b"")

    monkey = dict(container)
    engine.inspected = lambda: monkey  # type: ignore[method-assign]
    engine.hooks.setdefault(f"containers/{container['Name'].lstrip('/')}/logs", empty)
