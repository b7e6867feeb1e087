"""What README and docs show is what the commands print, and every command and option is shown."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from connwatch.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def called() -> list[str]:
    """Every call of connwatch in a block of shell commands: up to the end of the command, without its comment."""
    blocks = "\n".join(block for page in PAGES for block in SHELL.findall(page.read_text(encoding="utf-8"))).replace("\\\n", " ")
    calls = re.findall(r"(?:^|[|;&(] ?|=)[\"']?(?:\S*/)?(?:[A-Z_]+=\S+ )*(connwatch (?:[a-z]+|--).*)$", blocks, re.MULTILINE)
    return sorted({re.split(r" \| | > | \|\| | && |\s#|;", call)[0].strip() for call in calls})


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_shown_output_is_what_the_command_prints(page):
    if "<!-- output of:" in page.read_text(encoding="utf-8"):
        done = subprocess.run([sys.executable, str(ROOT / "tools" / "outputs.py"), str(page)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_block_of_output_escapes_the_check():
    """A mark that the tool does not take for one would never be compared."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert text.count("<!-- output of:") == len(re.findall(r"<!-- output of: connwatch [^\n]*? -->\n`{3,}\w*\n", text)), page.name


def test_the_pictures_are_what_the_program_draws():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "pictures.py")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_reference_pages_follow_the_catalogue():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "reference.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_calls_were_found():
    assert len(called()) > 30


@pytest.mark.parametrize("line", called(), ids=str.strip)
def test_calls_that_are_shown_exist_with_their_options(line):
    words = shlex.split(line)
    if words[1].startswith("--"):
        assert words[1] in ("--help", "--version", "--debug")
        return
    command = dict(commands())[words[1]]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    assert {word.split("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)} <= known
