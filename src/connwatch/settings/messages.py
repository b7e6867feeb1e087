"""Reads the templates of messages: the shipped ones, and the user's over them. Knows nothing of what they say."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from connwatch.alerts.template import TEMPLATES, Template
from connwatch.model.errors import ConfigError

__all__ = ["load_templates"]


def load_templates(user_dir: Path | None = None) -> dict[str, Template]:
    """By name. `user_dir` is the directory of the user's catalogue; its messages/NAME.md replace shipped ones. Raises ConfigError."""
    shipped = resources.files("connwatch") / "catalogue" / "messages"
    found = {name: Template((shipped / f"{name}.md").read_text(encoding="utf-8"), f"messages/{name}.md") for name in TEMPLATES}
    own = None if user_dir is None else user_dir / "messages"
    if own is None or not own.is_dir():
        return found
    for file in sorted(own.iterdir()):
        if file.suffix != ".md":
            continue
        if file.stem not in found:
            raise ConfigError("no message is called so", file=str(file), hint=f"known: {', '.join(f'{name}.md' for name in TEMPLATES)}")
        try:
            found[file.stem] = Template(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {error}", file=str(file), hint="check the permissions and the encoding (UTF-8)") from error
    return found
