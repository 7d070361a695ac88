"""Function bodies: which of them may meet a candidate, and what they are read against.

Most functions mention no candidate, and are never parsed: a quick look at their words
decides, which may find one function too many, but not one too few.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tzmigrate.inventory.routines.model import (
    Argument,
    ColumnName,
    Routine,
    RoutineReading,
    RoutineReport,
    Surroundings,
    Table,
    tables_of,
)
from tzmigrate.inventory.rows import (
    CatalogRows,
    ColumnRow,
    FunctionRow,
    NamedColumnRow,
    TriggerRow,
)
from tzmigrate.inventory.view_outputs import passed_on

# looks ahead, so that a lone quote before a name does not hide it
_QUOTED = re.compile(r'"(?=((?:[^"]|""){1,63})")')
_PLAIN = re.compile(r"[^\W\d][\w$]*")


def words(source: str) -> frozenset[str]:
    """Return the identifiers that a text may mention: as written and folded.

    >>> sorted(words('UPDATE "Order" SET Paid_At = "a b"'))[:5]
    ['Order', 'Paid_At', 'SET', 'UPDATE', 'a']
    """
    # quotes may stand inside messages and dynamic SQL, so all words count, also
    # those inside quotes; better one function too many than one too few
    plain = set(_PLAIN.findall(source))
    quoted = {name.replace('""', '"') for name in _QUOTED.findall(source)}
    return frozenset(plain | {word.lower() for word in plain} | quoted)


def relations_to_know(
    functions: Iterable[FunctionRow],
    triggers: Iterable[TriggerRow],
    columns: Iterable[ColumnRow],
) -> tuple[list[str], list[int]]:
    """Return names and ``oid`` of the relations whose columns must be known.

    Returns:
        Two empty lists where no function mentions a candidate.
    """
    candidates = {name for row in columns for name in (row.column, row.relname)}
    relevant, found = _relevant(functions, triggers, candidates)
    oids = {row.relation for row in triggers if row.function in relevant}
    return sorted(found), sorted(oids)


def _relevant(
    functions: Iterable[FunctionRow],
    triggers: Iterable[TriggerRow],
    columns: set[str],
) -> tuple[set[int], set[str]]:
    """Return functions that mention a candidate or its table, and their words.

    The table counts as well: SELECT * reads columns that it does not name.
    """
    named = {
        row.function
        for row in triggers
        if row.arguments and columns.intersection(arguments(row))
    }
    relevant: set[int] = set()
    found: set[str] = set()
    for function in functions:
        mentioned = mentions(function)
        if function.oid in named or mentioned & columns:
            relevant.add(function.oid)
            found |= mentioned
    return relevant, found


def mentions(function: FunctionRow) -> frozenset[str]:
    """Return the words of a function, and the tables whose rows it takes or returns.

    A row that is an argument is read without a word about its table.
    """
    rows = tables_of((*function.argument_types, function.result))
    return words(function.source) | {path[-1] for path in rows}


def arguments(trigger: TriggerRow) -> list[str]:
    """Return the arguments of a trigger."""
    return [part for part in trigger.arguments.split("\\000") if part]


def read_routines(
    rows: CatalogRows, converting: frozenset[ColumnName]
) -> RoutineReading | None:
    """Read every function that may meet one of these columns.

    Args:
        rows: the catalog's answers.
        converting: columns of type timestamp that are taken to become timestamptz.

    Returns:
        ``None`` where there is nothing to read.
    """
    views = passed_on(rows.columns, rows.view_queries)
    around = Surroundings(
        tables=tuple(_tables(rows.named_columns)),
        converting=converting,
        passed_on=views,
    )
    columns = {name for _, *names in around.moving for name in names}
    relevant, _ = _relevant(rows.functions, rows.triggers, columns)
    if not relevant:
        return None
    # the parser is loaded only where there is something to parse
    from tzmigrate.inventory.routines.analysis import analyse  # noqa: PLC0415

    named = {(row.oid): (row.schema, row.name) for row in rows.relations}
    attached: dict[int, list[TriggerRow]] = defaultdict(list)
    for trigger in rows.triggers:
        if not trigger.copied and trigger.relation in named:
            attached[trigger.function].append(trigger)
    routines = [
        _routine(row, attached.get(row.oid, ()), named) for row in rows.functions
    ]
    around = replace(around, functions=tuple(routines))
    read = [r for r in routines if r.oid in relevant]
    staying = replace(around, converting=converting - rows.kept)
    reports: list[RoutineReport] = []
    for routine in read:
        report = analyse(routine, around)
        if report.touched & rows.kept:
            # still a writer of these columns, but only the others change
            again = analyse(routine, staying)
            report = replace(
                report, places=again.places, naive_arguments=again.naive_arguments
            )
        reports.append(report)
    return RoutineReading(around=around, routines=tuple(read), reports=tuple(reports))


def _routine(
    row: FunctionRow,
    triggers: Sequence[TriggerRow],
    named: dict[int, tuple[str, str]],
) -> Routine:
    modes = row.argument_modes or ["i"] * len(row.argument_types)
    names = row.argument_names or [""] * len(row.argument_types)
    return Routine(
        oid=row.oid,
        signature=row.signature,
        schema=row.schema,
        name=row.bare_name,
        language=row.language,
        source=row.source,
        arguments=tuple(
            Argument(name=name, mode=mode, type=type_)
            for name, mode, type_ in zip(names, modes, row.argument_types, strict=False)
        ),
        result=row.result,
        returns_set=row.returns_set,
        search_path=_schemas(row.search_path),
        attached=tuple(sorted({named[t.relation] for t in triggers})),
        trigger_arguments=tuple(
            sorted({argument for t in triggers for argument in arguments(t)})
        ),
    )


def _schemas(setting: str | None) -> tuple[str, ...] | None:
    """Split a search_path; one with the session's own schema is as good as none."""
    if setting is None:
        return None
    parts = [part.strip().strip('"') for part in setting.split(",")]
    if "$user" in parts:
        return None
    return tuple(part for part in parts if part)


def _tables(rows: Iterable[NamedColumnRow]) -> Iterable[Table]:
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        found[row.schema, row.relation].append((row.column, row.type))
    for (schema, name), columns in found.items():
        yield Table(schema=schema, name=name, columns=tuple(columns))
