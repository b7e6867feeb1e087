"""HOST:PORT: which texts are one, and what is said of those that are not."""

from __future__ import annotations

import pytest

from connwatch.settings.address import host_and_port


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:9817", ("127.0.0.1", 9817)),
        ("localhost:0", ("localhost", 0)),
        ("watch_1.example.org:65535", ("watch_1.example.org", 65535)),
        ("[::1]:9817", ("::1", 9817)),
        ("::1:9817", ("::1", 9817)),
        ("[fe80::1%eth0]:9817", ("fe80::1%eth0", 9817)),
    ],
)
def test_an_address_has_two_parts(text: str, parts: tuple[str, int]) -> None:
    assert host_and_port(text) == parts


@pytest.mark.parametrize(
    "text", ["", ":", "9817", "localhost", ":9817", "localhost:", "localhost:65536", "localhost:\u0663", "a b:1", "a/b:1", "a:b:1", "[]:1"]
)
def test_what_is_no_address_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST:PORT, for example 127\.0\.0\.1:9817 or") as told:
        host_and_port(text)
    assert str(told.value).startswith(repr(text))


@pytest.mark.parametrize("text", ["http://127.0.0.1:9817", "https://127.0.0.1:9817/", "http://127.0.0.1:9817/api/attempts?limit=1"])
def test_a_url_is_told_by_what_of_it_is_the_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST:PORT, but a URL: leave out what is not 127\.0\.0\.1:9817$"):
        host_and_port(text)
