"""What the commands about alerts start from: the policy, the pace, the words, as the configuration has them. Must not know any command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connwatch.alerts.policy import Pace, Policy, compile_policy
from connwatch.alerts.wording import Writer
from connwatch.cli.setup import Setup
from connwatch.settings.messages import load_templates

if TYPE_CHECKING:
    from connwatch.daemon.newsroom import Orders
    from connwatch.settings.models import AlertSettings

__all__ = ["alert_settings", "orders_of", "pace_of", "policy_of", "writer_of"]


def policy_of(setup: Setup) -> Policy:
    """Who is told of what. Raises ConfigError for an entry that is written wrongly."""
    return compile_policy(setup.catalogue.alerts, setup.catalogue.diagnoses)


def alert_settings(setup: Setup) -> AlertSettings:
    """[alerts] of the configuration, or the defaults."""
    if setup.settings is not None:
        return setup.settings.alerts
    from connwatch.settings.models import AlertSettings

    return AlertSettings()


def pace_of(settings: AlertSettings) -> Pace:
    """The times of telling."""
    return Pace(wait=settings.wait_seconds, again=settings.again_seconds, repeat=settings.repeat_seconds, grace=settings.grace_seconds)


def writer_of(setup: Setup, policy: Policy, settings: AlertSettings) -> Writer:
    """Who puts messages into words. Raises ConfigError for a template that is written wrongly."""
    directory = setup.settings.catalogue.dir if setup.settings is not None else None
    config = "" if setup.config is None else str(setup.config.absolute())
    return Writer(load_templates(directory), policy.titles, link=settings.link, calm=pace_of(settings).calm, config=config)


def orders_of(setup: Setup) -> Orders:
    """All that a running daemon has to know of telling people. Raises ConfigError."""
    from connwatch.cli.targets import configured_targets
    from connwatch.daemon.newsroom import Orders
    from connwatch.notify.courier import Rate
    from connwatch.settings.maintenance import windows

    settings, policy = alert_settings(setup), policy_of(setup)
    return Orders(
        policy,
        writer_of(setup, policy, settings),
        configured_targets(setup),
        pace_of(settings),
        windows(settings.maintenance),
        Rate(settings.rate_messages, settings.rate_seconds),
        settings.deadline_seconds,
        settings.heartbeat_seconds,
        settings.silent_hours * 3600,
    )
