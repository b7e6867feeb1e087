"""Reads the catalogue's TOML files: the shipped ones from the package, then the user's. Knows nothing of what entries mean."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from connwatch.model.errors import ConfigError
from connwatch.rules.catalogue import Catalogue, compile_catalogue

__all__ = ["Documents", "load_catalogue", "shipped_documents"]

Documents = list[tuple[str, dict[str, Any]]]

KINDS: tuple[str, ...] = ("clients", "stages", "formats", "diagnoses", "alerts")
# Examples are two thirds of the text and needed by `check` alone; cutting them out before parsing halves the start-up time.
_EXAMPLES = re.compile(r"^\[\[[a-z_]+\.example\]\][^\n]*\n(?:(?!\[)[^\n]*(?:\n|\Z))*", re.MULTILINE)


def load_catalogue(
    user_dir: Path | None = None,
    formats: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    examples: bool = False,
    shipped: Documents | None = None,
) -> Catalogue:
    """The shipped catalogue with the user's entries over it.

    `user_dir` holds the same directories as the shipped catalogue (KINDS); its entries replace shipped ones by id.
    `formats` are the `[formats.NAME]` tables of the configuration file, added as format entries with that id.
    `examples` says whether the entries' examples are wanted too (only the self-check needs them). `shipped` is what `shipped_documents`
    gave, where that was asked for before. Raises ConfigError.
    """
    shipped = shipped_documents(examples=examples) if shipped is None else shipped
    documents = [*shipped, *_documents(_users(user_dir), examples=examples)]
    if formats:
        documents.append(("configuration", {"format": [{"id": name, **entry} for name, entry in formats.items()]}))
    catalogue = compile_catalogue(documents, proven={name for name, _ in shipped})
    catalogue.order = json.loads((resources.files("connwatch") / "catalogue" / "order.json").read_text(encoding="utf-8"))
    return catalogue


def shipped_documents(*, examples: bool = False) -> Documents:
    """The shipped catalogue as its files have it, under their names."""
    return _documents(_shipped(), examples=examples)


def _documents(texts: Iterator[tuple[str, str]], *, examples: bool) -> Documents:
    documents = []
    for name, text in texts:
        try:
            documents.append((name, tomllib.loads(text if examples else _EXAMPLES.sub("", text))))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"not valid TOML: {error}", file=name, hint="correct the syntax there") from error
    return documents


def _shipped() -> Iterator[tuple[str, str]]:
    root = resources.files("connwatch") / "catalogue"
    for kind in KINDS:
        yield from _read(root / kind, f"catalogue/{kind}")


def _users(user_dir: Path | None) -> Iterator[tuple[str, str]]:
    if user_dir is None:
        return
    if not user_dir.is_dir():
        raise ConfigError("no such directory", file=str(user_dir), hint="create it, or leave the setting out")
    for kind in KINDS:
        yield from _read(user_dir / kind, str(user_dir / kind))


def _read(directory: Traversable, shown: str) -> Iterator[tuple[str, str]]:
    if not directory.is_dir():
        return
    for item in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if item.name.endswith(".toml"):
            try:
                yield f"{shown}/{item.name}", item.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                hint = "check the permissions and the encoding (UTF-8)"
                raise ConfigError(f"cannot be read: {error}", file=f"{shown}/{item.name}", hint=hint) from error
