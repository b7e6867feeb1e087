"""Templates: three forms of one text, and nothing that a log says can act in any of them."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.alerts.template import FIELDS, TEMPLATES, Template
from connwatch.model.errors import ConfigError
from connwatch.settings.messages import load_templates

HOSTILE = ["<script>", "](javascript:x)", "```\n# x", "**", "`", "@everyone", "{remedy}", "&lt;"]
SHOWN = {name: f"<{name}>" for name in FIELDS}


def test_one_text_has_three_forms() -> None:
    filled = Template("{client} → {server}\n\n**Next:** {remedy}\n\nEvidence:\n{evidence}\n\nNot now? `{silence}`\n", "here").fill(
        {"client": "Claude", "server": "mcp.example.org", "remedy": "Look.", "evidence": "a:1\nb:2", "silence": "connwatch silence --for 2h"}
    )
    assert filled.title == "Claude → mcp.example.org"
    assert filled.plain == "Next: Look.\n\nEvidence:\n  a:1\n  b:2\n\nNot now? connwatch silence --for 2h"
    assert filled.markdown == "**Next:** Look.\n\nEvidence:\n```text\na:1\nb:2\n```\n\nNot now? `connwatch silence --for 2h`"
    assert filled.html == (
        "<p><strong>Next:</strong> Look.</p>\n<p>Evidence:</p><pre>a:1\nb:2</pre>\n<p>Not now? <code>connwatch silence --for 2h</code></p>"
    )


def test_a_paragraph_with_a_field_that_has_no_value_is_left_out() -> None:
    filled = Template("title\n\nFirst check: {check}\n\nalways", "here").fill({"check": ""})
    assert (filled.plain, filled.markdown, filled.html) == ("always", "always", "<p>always</p>")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{client}\n\n{who}", r"unknown field \{who\} \(known: client"),
        ("{Client}", r"unknown field \{Client\}"),
        ("\n\n", "the first line is the title"),
        ("title\n\n**bold", "without its end"),
        ("title\n\n`code", "without its end"),
    ],
)
def test_a_template_that_is_written_wrongly_is_refused_with_its_name(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"^messages/stopped.md: .*{said}"):
        Template(text, "messages/stopped.md")


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert attrs == []
        self.found.add(tag)


@pytest.mark.parametrize("name", TEMPLATES)
@given(hostile=st.text(min_size=1, max_size=60) | st.sampled_from(HOSTILE))
def test_what_stands_in_a_field_is_never_markup(name: str, hostile: str) -> None:
    filled = load_templates()[name].fill(dict.fromkeys(FIELDS, hostile))
    tags = _Tags()
    tags.feed(filled.html)
    assert tags.found <= {"p", "strong", "code", "pre", "br"}
    outside = re.sub("`[^`]*`", "", "".join(filled.markdown.split("```")[::2]))
    assert "@everyone" not in outside
    assert "](" not in outside.replace("\\](", "")


def test_the_shipped_templates_use_only_what_there_is_and_leave_nothing_empty() -> None:
    for template in load_templates().values():
        filled = template.fill(SHOWN)
        assert "{" not in filled.plain + filled.title
        assert template.fill({}).title


def test_a_users_template_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "stopped.md").write_text("Achtung: {server}\n\n{remedy}\n")
    found = load_templates(tmp_path)
    assert found["stopped"].fill(SHOWN).title == "Achtung: <server>"
    assert found["recovered"].fill(SHOWN).title.startswith("Works again")
    (tmp_path / "messages" / "stoped.md").write_text("x")
    with pytest.raises(ConfigError, match="no message is called so"):
        load_templates(tmp_path)
