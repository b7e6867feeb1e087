"""Whether a silence can fit anything at all: clients and codes are closed lists, so one that is misspelt would mute nobody and say nothing.

Must not know which alerts there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import click

from connwatch.alerts.alert import SOURCE_STEP, Key
from connwatch.model.family import FAMILIES
from connwatch.model.nearest import nearest

__all__ = ["require_fitting"]

_OF_SOURCES: Final = ("source-deaf", "source-silent")
_WITHOUT_A_NAME: Final = "unexplained"  # what stands for the diagnosis where there is none


def require_fitting(client: str, code: str, diagnoses: Iterable[str]) -> None:
    """Raise a usage error for globs that no alert can ever fit."""
    codes = [*diagnoses, _WITHOUT_A_NAME]
    if not any(Key(family, "", "", "").fits(client=client) for family in FAMILIES):
        raise click.BadParameter(f"no client is called {client!r}; {_known(client, FAMILIES)}", param_hint="--client")
    if not any(Key("", "", "", one).fits(code=code) for one in (*codes, *_OF_SOURCES)):
        raise click.BadParameter(f"no diagnosis is called {code!r}; {_known(code, codes)}", param_hint="--code")
    keys = [*(Key(family, "", "", one) for family in FAMILIES for one in codes), *(Key("", "", SOURCE_STEP, one) for one in _OF_SOURCES)]
    if not any(key.fits(client=client, code=code) for key in keys):
        raise click.BadParameter("what a source is told of has no client; leave --client out", param_hint="--client")


def _known(word: str, names: Sequence[str]) -> str:
    listed = ", ".join(names) if len(names) < 20 else "those of docs/diagnoses.md, source-deaf and source-silent"
    return nearest(word.lower(), names) or f"there are {listed}"
