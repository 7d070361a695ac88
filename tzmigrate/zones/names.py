"""Which names of zones are safe to use, and what to say about the others.

PostgreSQL accepts far more than IANA names, and reads some of them differently in
``SET TimeZone`` and in ``AT TIME ZONE``: only names that mean one thing everywhere
are let through.
"""

import difflib
import re
from collections.abc import Collection

from tzmigrate.errors import UsageError

_POSIX = re.compile(
    r"(?P<word>[A-Za-z]{3,}|<[^>]*>)?\s*(?P<sign>[+-]?)(?P<hours>\d{1,2})"
    r"(?::?(?P<minutes>\d{2}))?(?P<rest>.*)"
)
_ABBREVIATION = re.compile(r"[A-Z]{1,5}", re.IGNORECASE)
_KEEP = "keep"
"""What stands in the place of a zone, where a column shall not be converted."""
_EXAMPLES = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "EST5EDT": "America/New_York",
    "CST": "America/Chicago, or Asia/Shanghai",
    "CDT": "America/Chicago",
    "CST6CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "MST7MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PST8PDT": "America/Los_Angeles",
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "MET": "Europe/Paris",
    "EET": "Europe/Athens",
    "EEST": "Europe/Athens",
    "WET": "Europe/Lisbon",
    "BST": "Europe/London",
    "IST": "Asia/Kolkata, Asia/Jerusalem or Europe/Dublin",
    "JST": "Asia/Tokyo",
    "MSK": "Europe/Moscow",
    "AEST": "Australia/Sydney",
    "HST": "Pacific/Honolulu",
    "Z": "UTC",
    "ZULU": "UTC",
    "UCT": "UTC",
}


def check_zone_name(name: str, known: Collection[str], *, source: str = "") -> str:
    """Return a zone's name as the server spells it.

    Args:
        name: what the user wrote; its case does not matter.
        known: ``pg_timezone_names.name`` of the server.
        source: where it was written, for messages.

    >>> check_zone_name("europe/paris", ["Europe/Paris"])
    'Europe/Paris'

    Raises:
        UsageError: an abbreviation, an offset, a POSIX string, or an unknown name.
    """
    try:
        return _checked(name, known)
    except UsageError as error:
        if source:
            error.detail = f"{error.detail} It is written in {source}.".lstrip()
        raise


def _checked(name: str, known: Collection[str]) -> str:
    wanted = name.strip()
    if wanted.upper() in {"UTC", "GMT"}:
        return wanted.upper()
    spelled = {zone.lower(): zone for zone in known}
    if "/" in wanted and wanted.lower() in spelled:
        return spelled[wanted.lower()]
    if "/" not in wanted:
        if wanted.upper() in _EXAMPLES:
            raise _abbreviation(wanted, _EXAMPLES[wanted.upper()])
        if posix := _POSIX.fullmatch(wanted):
            raise _offset(wanted, posix)
    near = _nearest(wanted, [zone for zone in known if "/" in zone])
    if near is None and wanted.lower() in spelled:
        # Japan, Cuba, PRC …: names from before zones were named by their place
        raise _abbreviation(wanted, "Asia/Tokyo")
    if near is None and difflib.get_close_matches(wanted.lower(), [_KEEP], cutoff=0.75):
        near = _KEEP
    if near is None and _ABBREVIATION.fullmatch(wanted):
        raise _abbreviation(wanted, "Europe/Paris")
    advice = "Use UTC, or a name with a slash from pg_timezone_names."
    raise UsageError(
        "TZ221",
        f"there is no time zone {name!r}",
        hint=f"Did you mean {near!r}?" if near else advice,
    )


def _nearest(name: str, known: Collection[str]) -> str | None:
    """Find the zone that was probably meant: the whole name first, then its city."""
    wanted = name.lower().replace(" ", "_")
    whole = {zone.lower(): zone for zone in known}
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(known)}
    if wanted in cities:
        return cities[wanted]
    if near := difflib.get_close_matches(wanted, whole, n=1, cutoff=0.75):
        return whole[near[0]]
    city = wanted.rpartition("/")[2]
    near = difflib.get_close_matches(city, cities, n=1, cutoff=0.8)
    return cities[near[0]] if near else None


def _abbreviation(name: str, example: str) -> UsageError:
    return UsageError(
        "TZ222",
        f"{name!r} is an abbreviation or an old alias, not the name of a zone",
        detail="PostgreSQL may read it without summer time, differently in SET and in"
        " AT TIME ZONE, and several places of the world may share it.",
        hint=f"Name the zone by its place, such as {example}.",
    )


def _offset(name: str, posix: re.Match[str]) -> UsageError:
    hours = int(posix["hours"])
    amount = f"{hours} {'hour' if hours == 1 else 'hours'}" + (
        f" {posix['minutes']} minutes" if posix["minutes"] else ""
    )
    detail = "An offset says nothing about summer time."
    if posix["word"] or posix["minutes"]:
        side = "east" if posix["sign"] == "-" else "west"
        detail += (
            f" In a POSIX string the sign is reversed: PostgreSQL reads {name!r} as"
            f" {amount} {side.upper()} of Greenwich, not {_other(side)}."
        )
    else:
        side = "west" if posix["sign"] == "-" else "east"
        detail += (
            f" PostgreSQL reads {name!r} as {amount} {side} of Greenwich in SET"
            f" TimeZone, and as {_other(side)} in AT TIME ZONE: there the sign is"
            " reversed."
        )
    return UsageError(
        "TZ223",
        f"{name!r} is an offset or a POSIX string, not the name of a zone",
        detail=detail,
        hint="Name the zone by its place, such as America/New_York or Asia/Karachi;"
        " for a fixed offset use Etc/GMT+5 (five hours west) or Etc/GMT-5 (east).",
    )


def _other(side: str) -> str:
    return "west" if side == "east" else "east"
