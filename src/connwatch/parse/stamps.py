"""Time stamps of logs as seconds since the epoch. Knows the shapes, not the formats they stand in.

Never `strptime` (slow, and it knows locales), never an exception: what is no stamp is None. The days and seconds met last are
remembered in small bounded tables, because a busy log repeats them thousands of times.
"""

from __future__ import annotations

from datetime import date

__all__ = ["clf", "epoch", "iso", "nginx_error"]

_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}  # noqa: SIM905
_FIRST_DAY = date(1970, 1, 1).toordinal()
_MEMO_SIZE = 1024
_clf_memo: dict[str, float | None] = {}
_day_memo: dict[tuple[str, str, str], int | None] = {}


def clf(text: str) -> float | None:
    """Common Log Format, `02/Nov/2025:18:03:15 +0000`, in any zone; enclosing brackets are allowed."""
    known = _clf_memo.get(text, -1.0)
    if known != -1.0:
        return known
    bare = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text
    found: float | None = None
    if len(bare) == 26 and bare[2] == bare[6] == "/" and bare[11] == ":" and bare[20] == " ":
        month = _MONTHS.get(bare[3:6])
        offset = _offset(bare[21:])
        second = _second(bare[7:11], f"{month:02d}", bare[:2], bare[12:20]) if month else None
        found = second - offset if second is not None and offset is not None else None
    if len(_clf_memo) >= _MEMO_SIZE:
        _clf_memo.clear()
    if len(text) <= 32:
        _clf_memo[text] = found
    return found


def iso(text: str) -> float | None:
    """ISO 8601 and RFC 3339, `2026-11-23T07:52:42.940000000Z`: any number of decimals (`.` or `,`), a space for the `T`.

    A stamp without a zone is taken as UTC.
    """
    if len(text) < 19 or len(text) > 48 or text[4] != "-" or text[7] != "-" or text[10] not in "T t":
        return None
    second = _second(text[:4], text[5:7], text[8:10], text[11:19])
    if second is None:
        return None
    rest = text[19:]
    if rest[:1] in (".", ","):
        end = 1
        while end < len(rest) and "0" <= rest[end] <= "9":
            end += 1
        if end == 1:
            return None
        second += int(rest[1:end]) / 10 ** (end - 1)
        rest = rest[end:]
    if not rest:
        return second
    zone = _offset(rest.strip())
    return None if zone is None else second - zone


def nginx_error(text: str, offset: int = 0) -> float | None:
    """The error log's `2026/11/23 07:53:05`, which names no zone: taken as `offset` seconds east of UTC."""
    if len(text) != 19 or text[4] != "/" or text[7] != "/" or text[10] != " ":
        return None
    second = _second(text[:4], text[5:7], text[8:10], text[11:])
    return None if second is None else second - offset


def epoch(text: str) -> float | None:
    """Digits since 1970 in seconds (with decimals, as nginx's `$msec`), milliseconds, microseconds or nanoseconds, told by their number."""
    whole, _, decimals = text.partition(".")
    if not _digits(whole) or (decimals and not _digits(decimals)) or len(text) > 32:
        return None
    if len(whole) in (9, 10):
        return float(text.rstrip("."))
    power = {13: 3, 16: 6, 19: 9}.get(len(whole))
    return None if power is None else int(whole) / 10**power


def _second(year: str, month: str, day: str, clock: str) -> float | None:
    key = (year, month, day)
    known = _day_memo.get(key, -1)
    if known == -1:
        known = _day(year, month, day)
        if len(_day_memo) >= _MEMO_SIZE:
            _day_memo.clear()
        _day_memo[key] = known
    if known is None or clock[2:3] != ":" or clock[5:6] != ":":
        return None
    hour, minute, second = clock[:2], clock[3:5], clock[6:8]
    if not (_digits(hour) and _digits(minute) and _digits(second)) or hour > "23" or minute > "59" or second > "60":
        return None
    return float(known + int(hour) * 3600 + int(minute) * 60 + int(second))


def _day(year: str, month: str, day: str) -> int | None:
    if not (_digits(year) and _digits(month) and _digits(day)):
        return None
    try:
        return (date(int(year), int(month), int(day)).toordinal() - _FIRST_DAY) * 86400
    except ValueError:
        return None


def _offset(zone: str) -> int | None:
    """Seconds east of UTC for `Z`, `UTC`, `+0530`, `+05:30`, `-08`."""
    if zone in ("Z", "z", "UTC", "GMT", "+0000"):
        return 0
    digits = zone[1:].replace(":", "")
    if zone[:1] not in ("+", "-") or len(digits) not in (2, 4) or not _digits(digits):
        return None
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or "0") * 60
    return -seconds if zone[0] == "-" else seconds


def _digits(text: str) -> bool:
    """Whether these are ASCII digits (`str.isdigit` also takes those of other scripts, which `int` may refuse)."""
    return text.isascii() and text.isdigit()
