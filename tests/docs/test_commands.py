"""What README and docs show is what the commands print, and every command and option is shown."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from connwatch.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

SHOWN = re.findall(r"\bconnwatch [a-z]+[^\n#]*", "\n".join(SHELL.findall(PAGES[0].read_text(encoding="utf-8"))))


def commands() -> list[tuple[str, click.Command]]:
    context = click.Context(cli)
    return [(name, command) for name in cli.list_commands(context) if (command := cli.get_command(context, name)) is not None]


def test_every_command_and_option_is_documented():
    missing = []
    for name, command in commands():
        if f"## connwatch {name}\n" not in COMMANDS:
            missing.append(name)
        shown = [option.opts[-1] for option in command.params if isinstance(option, click.Option) and not option.hidden]
        missing += [f"{name} {option}" for option in shown if option not in COMMANDS]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shown_output_is_what_the_command_prints(page):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "outputs.py"), str(page)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_reference_pages_follow_the_catalogue():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "reference.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif "://" not in target:
            assert (page.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("line", SHOWN, ids=str.strip)
def test_commands_in_the_readme_exist_with_their_options(line):
    words = line.split()
    command = dict(commands())[words[1]]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= known
