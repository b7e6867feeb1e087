#!/usr/bin/env python3
"""Writes deploy/completion: what bash, zsh and fish want to complete connwatch's words, as click itself makes it."""

from __future__ import annotations

import pathlib
import sys

from click.shell_completion import get_completion_class

from connwatch.cli.main import cli

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "completion"
SHELLS = ("bash", "zsh", "fish")


def scripts() -> dict[str, str]:
    """The scripts by the name of their file. They ask the program for the words, so they change with click alone."""
    found = {}
    for shell in SHELLS:
        kind = get_completion_class(shell)
        assert kind is not None
        maker = kind(cli, {}, "connwatch", "_CONNWATCH_COMPLETE")
        found[f"connwatch.{shell}"] = (maker.source_template % maker.source_vars()).strip() + "\n"
    return found


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in scripts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
