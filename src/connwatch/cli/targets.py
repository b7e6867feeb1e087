"""The targets of the configuration, for the commands that show or try them. Must not send anything."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

from connwatch.cli.setup import Setup
from connwatch.notify.targets import Targets, find_targets

__all__ = ["checked_targets", "configured_targets"]


def configured_targets(setup: Setup) -> Targets:
    """Who is told, by the settings and the environment. Raises ConfigError."""
    return find_targets(setup.settings.alerts.targets_file if setup.settings is not None else None, os.environ)


def checked_targets(setup: Setup) -> Targets:
    """The same, after Apprise has looked at each URL. Raises ConfigError."""
    found = configured_targets(setup)
    if not found.targets:
        return found
    from connwatch.notify.post import check_targets

    warning = asyncio.run(check_targets(found.targets))
    return replace(found, warnings=(*found.warnings, warning)) if warning else found
