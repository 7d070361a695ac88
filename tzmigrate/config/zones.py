"""Read the table ``[zones]``: patterns, and what each says about its columns."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from tzmigrate.config.globs import parse_pattern
from tzmigrate.config.model import ByColumn, Eras, Keep, Meaning, ZoneRule
from tzmigrate.errors import UsageError

_FORMS = (
    'Write a zone ("Europe/Paris"), "keep", { column = "…" },'
    ' or { until = "2019-03-01", then = "UTC", before = "Europe/Berlin" }.'
)
_ERA_KEYS = {"until", "then", "before"}

Place = Callable[..., str]


def read_zones(
    table: Mapping[str, Any], place: Place
) -> tuple[tuple[ZoneRule, ...], str | None]:
    """Return the rules and the default zone.

    Raises:
        UsageError: a pattern or a value has a form that we do not know.
    """
    rules: list[ZoneRule] = []
    default: str | None = None
    for key, value in table.items():
        where = place("zones", key)
        if key == "default":
            default = _default(value, where)
            continue
        if "." not in key and isinstance(value, dict):
            raise UsageError(
                "TZ206",
                f"{where}: the pattern that starts with {key!r} is not in quotes",
                detail="TOML reads dots outside quotes as nested tables.",
                hint='Put the whole pattern in quotes: "public.orders.at" = "UTC".',
            )
        try:
            parse_pattern(key)
        except UsageError as exc:
            raise UsageError(
                exc.code, f"{where}: {exc.message}", detail=exc.detail, hint=exc.hint
            ) from exc
        rules.append(
            ZoneRule(pattern=key, meaning=_meaning(value, key, where), source=where)
        )
    return tuple(rules), default


def _default(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong("default", where, "The default has to be the name of a zone.")
    if value == "keep":
        raise _wrong(
            "default", where, 'To keep every column as it is, write "*.*.*" = "keep".'
        )
    return value


def _meaning(value: object, key: str, where: str) -> Meaning:
    if isinstance(value, str) and value.strip():
        return Keep() if value == "keep" else value
    if isinstance(value, dict):
        if set(value) == {"column"} and isinstance(value["column"], str):
            return ByColumn(column=value["column"])
        if set(value) == _ERA_KEYS:
            return _eras(value, key, where)
        odd = sorted(set(value) - _ERA_KEYS - {"column"})
        said = (
            f"It has the key {odd[0]!r}." if odd else "Its keys do not belong together."
        )
        raise _wrong(key, where, said)
    raise _wrong(key, where, "")


def _eras(value: Mapping[str, Any], key: str, where: str) -> Eras:
    until = value["until"]
    if isinstance(until, str):
        try:
            moment: object = datetime.fromisoformat(until)
        except ValueError as exc:
            raise _wrong(key, where, f"{until!r} is not a date or a time.") from exc
    else:
        moment = until
    if not isinstance(moment, date):
        raise _wrong(key, where, "'until' has to be a date or a time.")
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        raise _wrong(
            key,
            where,
            "'until' is compared with wall-clock values: leave its offset out.",
        )
    zones = (value["before"], value["then"])
    if not all(isinstance(zone, str) and zone for zone in zones):
        raise _wrong(key, where, "'before' and 'then' have to be names of zones.")
    text = until if isinstance(until, str) else moment.isoformat()
    return Eras(until=text, before=value["before"], then=value["then"])


def _wrong(key: str, where: str, detail: str) -> UsageError:
    return UsageError(
        "TZ208",
        f"{where}: {key!r} does not say which zone",
        detail=detail,
        hint=_FORMS,
    )
