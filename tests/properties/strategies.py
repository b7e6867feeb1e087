"""What hypothesis makes up: several attempts at once, beside noise, with lines that were cut or are no text at all."""

from __future__ import annotations

from hypothesis import strategies as st

from support.traffic import CLIENTS, FLAVOURS, Plan, Traffic, traffic

__all__ = ["plans", "scenes", "spoilt"]


def plans() -> st.SearchStrategy[list[Plan]]:
    """A few attempts that begin within some seconds of each other."""
    plan = st.builds(
        Plan,
        st.sampled_from(FLAVOURS),
        st.sampled_from(sorted(CLIENTS)),
        st.integers(0, 6000).map(lambda n: n / 500),
        st.sampled_from([1.0, 1.0, 0.3, 4.0]),
        st.integers(0, 10_000),
    )
    return st.lists(plan, min_size=1, max_size=6)


def scenes() -> st.SearchStrategy[Traffic]:
    """Two logs of the same attempts, or the proxy's alone."""
    return st.builds(lambda made, server: traffic(made, server=server), plans(), st.booleans())


@st.composite
def spoilt(draw: st.DrawFn) -> Traffic:
    """The same, with lines that lost their end or are garbage."""
    scene = draw(scenes())
    garbage = st.one_of(
        st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b" ")),
        st.sampled_from([b"", b"\x1b[31mred\x1b[0m", b'{"time": "x', b"\x00\xff\xfe", b"nginx.1     | ", b"2026-11-23T99:99:99Z ?", b"}", b"[HTTP]"]),
    )
    for name in sorted(scene.logs):
        lines = scene.logs[name].splitlines(keepends=True)
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(lines) - 1)) if lines else 0
            if draw(st.booleans()) and lines:
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))] + b"\n"
            else:
                lines.insert(at, draw(garbage) + b"\n")
        scene.logs[name] = b"".join(lines)
    return scene
