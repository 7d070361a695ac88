"""How teams name and wrap SQL: what every style does, and the plain one, for psql.

Each style knows how its files are named and numbered, what stands around the
statements, how to read both back, and what its tool must be told when somebody else
ran a script.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from tzmigrate.errors import UsageError
from tzmigrate.postgres.quoting import quote_literal
from tzmigrate.revisions.render import Script
from tzmigrate.revisions.scripts import (
    Stored,
    after_head,
    head,
    said_in,
    signed,
    split,
    sql_of,
)
from tzmigrate.revisions.writing import Prepared

PSQL = "psql -X -v ON_ERROR_STOP=1 -1 -f"
"""How one file runs, whatever the style."""

_STAMP = "%Y%m%d%H%M%S"
_STAMP_DIGITS = 14


class Style(ABC):
    """One way of naming and wrapping scripts.

    Attributes:
        name: as ``--style`` takes it.
    """

    name: ClassVar[str]

    @abstractmethod
    def prepare(
        self, directory: Path, scripts: Sequence[Script], now: datetime
    ) -> Iterator[Prepared]:
        """Yield the files of new scripts, which go on after what is in a directory.

        Args:
            directory: need not exist.
            scripts: in the order in which they run.
            now: in UTC.
        """

    @abstractmethod
    def stored(self, directory: Path) -> Iterator[Stored]:
        """Yield the scripts of ours in a directory, in the order in which they run.

        Raises:
            UsageError: one of them has lost a part.
        """

    def history(self, direction: str, ran: Sequence[Stored]) -> tuple[str, ...]:
        """Say what the tool's own history lacks when tzmigrate ran its scripts."""
        del direction, ran
        return ()


class Plain(Style):
    """``0001_tz_orders.up.sql`` and ``0001_tz_orders.down.sql``, for psql."""

    name = "plain"

    def prepare(
        self, directory: Path, scripts: Sequence[Script], now: datetime
    ) -> Iterator[Prepared]:
        """Number them as the directory does, with four digits in an empty one."""
        taken = numbers(directory, r"(\d+).*\.sql")
        for script, number in zip(scripts, rising(taken, now, "0000"), strict=False):
            base = f"{number}_{script.slug}"
            up, down = directory / f"{base}.up.sql", directory / f"{base}.down.sql"
            how = (f"Up:   {PSQL} {up.name}", f"Back: {PSQL} {down.name}")
            yield from in_two(script, up, down, how)

    def stored(self, directory: Path) -> Iterator[Stored]:
        """Read pairs of ``.up.sql`` and ``.down.sql``."""
        for path in in_order(directory, r"(\d+)_\w+\.up\.sql"):
            name = path.name.removesuffix(".up.sql")
            yield from pair(name, path, path.with_name(f"{name}.down.sql"))


def in_two(
    script: Script,
    up: Path,
    down: Path,
    how: Sequence[str],
    *,
    around: tuple[str, str] = ("", ""),
) -> Iterator[Prepared]:
    """Yield the two files of a script that has one for each direction."""
    said = signed(script)
    titles = (script.title, f"take back: {script.title}")
    sides = ((up, script.up), (down, script.down))
    for title, (path, statements) in zip(titles, sides, strict=True):
        body = f"{around[0]}{sql_of(statements)}{around[1]}"
        text = f"{head(title, how, said)}\n{body}"
        yield Prepared(revision=script.revision, path=path, text=text.encode())


def pair(name: str, up: Path, down: Path, *, wrapped: bool = False) -> Iterator[Stored]:
    """Yield a script of ours that has a file for each direction.

    Args:
        name: what it is called.
        up: the file that runs up; nothing is yielded where that is not ours.
        down: the file that runs down.
        wrapped: each holds a transaction of its own.

    Raises:
        UsageError: the file that runs down is missing, or not ours.
    """
    said = said_in(text_of(up))
    if said is None:
        return
    back = said_in(text_of(down)) if down.is_file() else None
    if back is None:
        raise lost(up, f"its way back in {down.name}")
    edge = 1 if wrapped else 0
    sides = [split(after_head(text_of(path))) for path in (up, down)]
    forth, down_again = (side[edge : len(side) - edge] for side in sides)
    yield Stored(
        name=name, files=(up, down), said=(said, back), up=forth, down=down_again
    )


def lost(path: Path, what: str) -> UsageError:
    """Return the error for a script that lacks one of its parts."""
    return UsageError(
        "TZ252",
        f"{path} no longer has {what}",
        hint="Restore it from version control.",
    )


def text_of(path: Path) -> str:
    """Read a file, whatever its ends of lines.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            "TZ234",
            f"cannot read script {path}",
            detail=f"The reason: {reason}.",
            hint="Make the file readable, or move it away.",
        ) from error


def in_order(directory: Path, pattern: str) -> list[Path]:
    """Return the files whose whole name fits, by the number that it holds."""
    found = [
        (int(match[1]), path.name, path)
        for path in files_of(directory)
        if (match := re.fullmatch(pattern, path.name))
    ]
    return [path for _, _, path in sorted(found)]


def files_of(directory: Path) -> Iterable[Path]:
    """Return what stands in a directory; nothing where there is none."""
    return sorted(directory.iterdir()) if directory.is_dir() else ()


def numbers(directory: Path, pattern: str) -> list[str]:
    """Return the numbers that all scripts there have, ours or not."""
    matches = (re.fullmatch(pattern, path.name) for path in files_of(directory))
    return [match[1] for match in matches if match]


def rising(taken: Sequence[str], now: datetime, first: str) -> Iterator[str]:
    """Yield numbers that go on after others, in their form.

    Args:
        taken: the others; those that are not whole numbers are followed by times.
        now: in UTC.
        first: zeros, as many as digits, where there are no others; empty for times.

    >>> from itertools import islice
    >>> list(islice(rising(["007"], datetime(2026, 1, 2), "0"), 2))
    ['008', '009']
    >>> list(islice(rising(["1.2"], datetime(2026, 1, 2), "0"), 2))
    ['20260102000000', '20260102000001']
    """
    whole = [number for number in taken if number.isdecimal()]
    newest = max(whole, key=int, default=first or "0")
    timed = not first or len(whole) < len(taken) or len(newest) >= _STAMP_DIGITS
    value = int(newest)
    while True:
        stamp = int(now.strftime(_STAMP)) if timed else 0
        value = max(value + 1, stamp)
        now += timedelta(seconds=1)
        yield str(value) if timed else str(value).zfill(len(newest))


def free(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken: with a number behind it where it is."""
    number, found, others = 1, name, set(taken)
    while found in others:
        number += 1
        found = f"{name}_{number}"
    return found


def lacking(history: str, ran: Sequence[Stored], command: str) -> str:
    """Say that a tool's history does not have what tzmigrate ran."""
    return (
        f"{history} does not have {_names(ran)} yet. '{command}' runs what it lacks, "
        "which changes nothing a second time, and records it."
    )


def still(history: str, ran: Sequence[Stored], command: str) -> str:
    """Say that a tool's history still has what tzmigrate took back."""
    return (
        f"{history} still has {_names(ran)}, so its tool would not convert again. "
        f"Where nothing of yours stands above, {command} takes back what is back "
        "already, which changes nothing, and records it."
    )


def forget(table: str, condition: str, values: Iterable[str]) -> str:
    """Return the statement by which a history forgets some of its rows."""
    listed = ", ".join(quote_literal(value) for value in values)
    return f"  or: DELETE FROM {table} WHERE {condition} IN ({listed});"  # noqa: S608 - shown, not run


def _names(ran: Sequence[Stored]) -> str:
    first, last = ran[0].path.name, ran[-1].path.name
    return first if len(ran) == 1 else f"{first} to {last}"
