"""What is remembered of hosts, and that it stays bounded."""

from __future__ import annotations

from connwatch.rules.context import Hosts


def test_hosts_are_bounded_and_the_least_recently_used_is_forgotten() -> None:
    hosts = Hosts()
    hosts.of("first").speaks = True
    hosts.of("second").speaks = True
    for number in range(4095):
        hosts.of("first")
        hosts.of(f"h{number}")
    assert hosts.of("first").speaks
    assert not hosts.of("second").speaks
    assert len(hosts._memories) <= 4096


def test_a_flood_of_paths_and_visitors_is_bounded() -> None:
    memory = Hosts().of(None)
    for number in range(5000):
        memory.learn_mcp(f"/{number}")
        memory.learn_endpoint(f"/{number}/authorize")
        memory.visit(f"10.0.{number}", float(number))
        memory.preflight(f"/{number}", float(number))
    assert (len(memory.mcp_paths), len(memory.endpoints), len(memory.visitors), len(memory.preflights)) == (64, 64, 2048, 2048)
    assert memory.follows("10.0.4999", 5000.0)
    assert not memory.follows("10.0.1", 1.0)


def test_the_root_is_no_directory_of_endpoints() -> None:
    memory = Hosts().of("h")
    memory.learn_endpoint("/authorize")
    memory.learn_endpoint("/oauth/authorize/")
    assert memory.endpoints == {"/oauth/"}


def test_a_late_line_does_not_turn_a_visit_back() -> None:
    memory = Hosts().of("h")
    memory.visit("a", 1000.0)
    memory.visit("a", 10.0)
    assert memory.follows("a", 1800.0)
    memory.preflight("/p", 100.0)
    assert memory.preflighted("/p", 700.0)
    assert not memory.preflighted("/p", 701.0)
    assert not memory.preflighted("/q", 100.0)
