"""The file of targets: what a line means, what is refused and how, and that no URL is ever shown."""

from __future__ import annotations

import pytest

from connwatch.model.errors import ConfigError
from connwatch.notify.targets import CREDENTIAL, find_targets, parse_targets
from support.parcels import message

SECRET = "hunter2Secret"
URL = f"mailto://me:{SECRET}@mail.example.org/?to=you@example.org&token={SECRET}"


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_targets(text, "targets")
    said = f"{caught.value} {caught.value!r} {caught.value.__cause__} {caught.value.__context__}"
    assert SECRET not in said
    assert "mail.example.org" not in said
    return str(caught.value)


class TestALine:
    def test_a_bare_url_is_told_everything_and_called_by_its_schema_and_number(self) -> None:
        found = parse_targets(f"# mine\n\n{URL}\n  {URL}\nntfy://topic\n", "targets")
        assert [(target.name, target.place, target.tags) for target in found.targets] == [
            ("mailto-1", "targets:3", ()),
            ("mailto-2", "targets:4", ()),
            ("ntfy-1", "targets:5", ()),
        ]
        assert found.targets[0].url == URL

    def test_words_before_the_url_say_what_it_wants(self) -> None:
        (target,) = parse_targets(f"high,claude, cursor,server:*.Example.org,recovery:off,name:phone={URL}", "targets").targets
        assert target.name == "phone"
        assert target.tags == ("high", "claude", "cursor", "server:*.example.org", "recovery:off")
        assert target.url == URL

    def test_an_equals_sign_in_the_url_begins_no_tags(self) -> None:
        (target,) = parse_targets("json://example.org/?to=high=low", "targets").targets
        assert (target.tags, target.url) == ((), "json://example.org/?to=high=low")

    def test_the_heartbeat_is_no_target(self) -> None:
        found = parse_targets(f"heartbeat=https://hc.example.org/{SECRET}\n{URL}", "targets")
        assert found.heartbeat == f"https://hc.example.org/{SECRET}"
        assert len(found.targets) == 1
        assert SECRET not in f"{found} {found!r} {found.targets}"


class TestRefused:
    def test_a_word_that_is_not_known_with_the_nearest(self) -> None:
        assert refusal(f"high,cluade={URL}") == 'targets:1: tag 2 is no word that is known here (did you mean "claude"?)'
        assert "known: high, low, claude" in refusal(f"{SECRET}={URL}")

    def test_a_line_without_a_url(self) -> None:
        assert refusal(f"\n{SECRET}@mail.example.org").startswith("targets:2: is no target (a line is URL or TAG,TAG=URL")
        assert "does not begin with a schema" in refusal(f"{SECRET}@x://mail.example.org")

    def test_two_of_one_name(self) -> None:
        assert refusal(f"name:a={URL}\nname:a={URL}") == (
            "targets:2: a second target is called a (the other one is at targets:1; give one of them another with name:…)"
        )
        assert "a second target is called mailto-2" in refusal(f"name:mailto-2={URL}\n{URL}")

    def test_names_and_heartbeats_that_cannot_be(self) -> None:
        assert "cannot be the name" in refusal(f"name:a/b={URL}")
        assert "no web address" in refusal(f"heartbeat={URL}")
        assert "a second heartbeat" in refusal("heartbeat=https://a.example.com/1\nheartbeat=https://a.example.com/2")

    def test_too_many(self) -> None:
        assert "at most 100" in refusal(f"{URL}\n" * 101)


class TestWhereTheyComeFrom:
    def test_the_setting_the_credential_and_the_environment(self, tmp_path) -> None:
        named = tmp_path / "named"
        named.write_text("name:from-file=json://a", encoding="utf-8")
        (tmp_path / CREDENTIAL).write_text("name:from-credential=json://b", encoding="utf-8")
        environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "CONNWATCH_TARGETS": "name:from-variable=json://c"}

        def names(path, environ) -> list[str]:
            return [target.name for target in find_targets(path, environ).targets]

        assert names(named, environ) == ["from-file", "from-variable"]
        assert names(None, environ) == ["from-credential", "from-variable"]
        assert names(None, {"CREDENTIALS_DIRECTORY": str(named)}) == []
        assert names(None, {}) == []

    def test_a_file_that_others_can_read_is_a_warning_with_the_remedy(self, tmp_path) -> None:
        path = tmp_path / "targets"
        path.write_text(URL, encoding="utf-8")
        path.chmod(0o644)
        (warning,) = find_targets(path, {}).warnings
        assert warning == f"{path}: others than its owner can read the passwords in it (chmod 600 {path})"
        path.chmod(0o600)
        assert find_targets(path, {}).warnings == ()

    def test_a_credential_is_no_warning_since_systemd_closes_its_folder(self, tmp_path) -> None:
        (tmp_path / CREDENTIAL).write_text(URL, encoding="utf-8")
        (tmp_path / CREDENTIAL).chmod(0o440)
        assert find_targets(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).warnings == ()
        assert find_targets(tmp_path / CREDENTIAL, {}).warnings != ()

    def test_a_file_that_cannot_be_read(self, tmp_path) -> None:
        path = tmp_path / "targets"
        with pytest.raises(ConfigError, match=r"alerts\.targets_file: the targets cannot be read"):
            find_targets(path, {})
        path.write_bytes(SECRET.encode() + b"\xff")
        with pytest.raises(ConfigError) as caught:
            find_targets(path, {})
        assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
        path.write_bytes(b"#" * 70_000)
        with pytest.raises(ConfigError, match="larger than"):
            find_targets(path, {})


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ("", {"stalled", "recovered", "source", "low"}),
        ("high=", {"stalled", "recovered", "source"}),
        ("low=", {"low"}),
        ("claude=", {"stalled", "recovered"}),
        ("claude,cursor=", {"stalled", "recovered", "low"}),
        ("high,cursor=", set()),
        ("server:*.example.org=", {"stalled", "recovered"}),
        ("server:*.example.org,server:other.example.com=", {"stalled", "recovered", "low"}),
        ("recovery:off=", {"stalled", "source", "low"}),
    ],
)
def test_of_each_kind_of_tag_that_is_named_one_must_fit(tags: str, wanted: set[str]) -> None:
    messages = [
        message("stalled", clients=("claude",), servers=("MCP.example.org",)),
        message("recovered", tone="success", clients=("claude",), servers=("mcp.example.org",)),
        message("source"),
        message("low", severity="low", clients=("cursor",), servers=("other.example.com",)),
    ]
    (target,) = parse_targets(f"{tags}json://example.org", "targets").targets
    assert {text.title for text in messages if target.wants(text)} == wanted
