"""What the application meets after the conversion, in a few lines."""

from collections.abc import Sequence

from tzmigrate.planning.model import Group
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.zones.model import is_utc


def for_application(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return lines made from what the plan converts; none where it converts nothing."""
    columns = [c for g in groups for c in g.converted]
    if not columns:
        return ()
    first = readable_name(columns[0].relation, columns[0].column)
    lines = [
        f"Python reads {first} as an aware datetime: comparing it with a naive one "
        "raises TypeError.",
        "A naive literal or parameter is read in the session's zone from now on: send "
        "aware values, or keep TimeZone of every writer at the column's zone.",
        "Prepared statements that return converted columns fail once with 'cached "
        "plan must not change result type': reconnect, or DISCARD ALL.",
    ]
    local = [c for c in columns if not is_utc(c.zone or "UTC")]
    if local:
        label = readable_name(local[0].relation, local[0].column)
        lines.append(
            f"{label} is printed in the session's zone, no longer in {local[0].zone}: "
            f"use AT TIME ZONE '{local[0].zone}' where local time is shown."
        )
    changed = [c for c in columns if c.default_before != c.default_after]
    if changed:
        label = readable_name(changed[0].relation, changed[0].column)
        lines.append(
            f"{_defaults(len(changed), label)}: give the models the same "
            "server_default, and DateTime(timezone=True)."
        )
    else:
        lines.append("Give the models DateTime(timezone=True) for these columns.")
    return tuple(lines)


def _defaults(number: int, first: str) -> str:
    if number == 1:
        return f"The default of {first} changes its text"
    return f"{number} defaults change their text (first: {first})"
