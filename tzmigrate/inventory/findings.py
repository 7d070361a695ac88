"""The findings that a scan can report: TZ101 to TZ179.

Each code has a page in ``docs/reference/codes.md`` with condition, effect, remedy, a
bad and a good example; a test compares the two. Messages and hints are filled with
the user's own names: ``{column}`` is the full name, ``{object}`` what leans on it.
"""

from dataclasses import dataclass
from typing import Any

from tzmigrate.inventory.model import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One code: its weight and its words."""

    code: str
    title: str
    severity: Severity
    message: str
    hint: str

    def finding(self, **names: object) -> Finding:
        """Fill the templates with names; what a name contains is never a template."""
        return Finding(
            code=self.code,
            severity=self.severity,
            message=self.message.format(**names),
            hint=self.hint.format(**names),
        )


_KEEP = " Or declare '{column}' = \"keep\" if it must stay as it is."
_MADE_ANEW = (
    "The revision drops {object} and makes it again with everything it has: compare it"
    " in the plan."
)
_GIVEN_BACK = "The revision gives it back after the ALTER."
_REWRITTEN = (
    "The revision makes {object} anew so that it yields what it yielded before: compare"
    " it in the plan."
)


def _blocks(code: str, title: str, message: str, hint: str) -> Rule:
    return Rule(
        code=code, title=title, severity=Severity.BLOCKS, message=message, hint=hint
    )


def _warns(code: str, title: str, message: str, hint: str) -> Rule:
    return Rule(
        code=code, title=title, severity=Severity.WARNING, message=message, hint=hint
    )


def _tells(code: str, title: str, message: str, hint: str) -> Rule:
    return Rule(
        code=code, title=title, severity=Severity.INFO, message=message, hint=hint
    )


RULES: tuple[Rule, ...] = (
    # what the column is
    _tells(
        "TZ101",
        "array of naive time",
        "{column} is an array of naive time ({type})",
        "The revision converts each element in the column's zone, which rewrites the"
        " table.",
    ),
    _tells(
        "TZ102",
        "range of naive time",
        "{column} is a range of naive time ({type})",
        "The revision converts both bounds in the column's zone, which rewrites the"
        " table.",
    ),
    _tells(
        "TZ103",
        "multirange of naive time",
        "{column} is a multirange of naive time ({type})",
        "The revision converts all bounds in the column's zone, which rewrites the"
        " table.",
    ),
    _tells(
        "TZ104",
        "domain over naive time",
        "{column} has a domain over naive time ({type})",
        "The revision replaces the domain by a zoned one of its name, with everything"
        " it has, and converts all columns that have it.",
    ),
    _tells(
        "TZ105",
        "composite type with naive time",
        "{column} holds a row type that contains naive time ({type})",
        "The revision replaces the type by a zoned one of its name, and converts all"
        " columns that have it.",
    ),
    _tells(
        "TZ106",
        "column of a view",
        "{column} is computed by a view",
        "Nothing to do here: convert the tables that the view reads.",
    ),
    _tells(
        "TZ107",
        "column of a foreign table",
        "{column} is stored on another server",
        "Convert it on the server that stores it, and here in the same release.",
    ),
    _tells(
        "TZ108",
        "reduced precision",
        "{column} is {type}, so the conversion rewrites the table",
        'Plan time for the rewrite, or set precision = "widen" under [policy]: under'
        " UTC a column without a precision is free of it.",
    ),
    # what leans on it
    _tells("TZ110", "view", "{object} reads {column}{through}", _MADE_ANEW),
    _tells(
        "TZ111", "materialized view", "{object} reads {column}{through}", _MADE_ANEW
    ),
    _tells("TZ112", "rule", "{object} uses {column}", _REWRITTEN),
    _tells(
        "TZ113",
        "trigger that names the column",
        "{object} names {column} in UPDATE OF or WHEN",
        _MADE_ANEW,
    ),
    _tells("TZ114", "row security policy", "{object} reads {column}", _REWRITTEN),
    _tells(
        "TZ115",
        "generated column reads it",
        "{object} is generated from {column}",
        _REWRITTEN,
    ),
    _tells(
        "TZ116",
        "the column is generated",
        "{column} is a generated column",
        "The revision computes it as timestamptz, from what yielded its local time"
        " before: compare its expression in the plan.",
    ),
    _tells(
        "TZ117",
        "check constraint",
        "{object} computes with {column}, and would mean something else afterwards",
        _REWRITTEN,
    ),
    _tells(
        "TZ118",
        "foreign key",
        "{object} compares {column}, and both sides must be converted together",
        _MADE_ANEW,
    ),
    _tells("TZ119", "exclusion constraint", "{object} uses {column}", _REWRITTEN),
    _tells("TZ120", "index expression", "{object} computes with {column}", _REWRITTEN),
    _tells(
        "TZ121",
        "index predicate",
        "{object} has {column} in its WHERE clause",
        _REWRITTEN,
    ),
    _tells(
        "TZ122",
        "operator class",
        "{object} uses an operator class for {column} that timestamptz does not have",
        _MADE_ANEW,
    ),
    _tells(
        "TZ123",
        "index over the whole row",
        "{object} computes with the whole row, which contains {column}",
        _MADE_ANEW,
    ),
    _tells(
        "TZ124",
        "extended statistics",
        "{object} contains {column}, and ALTER would take its owner and target",
        _GIVEN_BACK,
    ),
    _tells(
        "TZ125",
        "publication with filter or column list",
        "{object} filters or lists {column}",
        _REWRITTEN,
    ),
    _tells(
        "TZ126",
        "function with SQL body",
        "{object} reads {column} in its SQL body",
        _REWRITTEN,
    ),
    _blocks(
        "TZ127",
        "partition key",
        "{column} is in the partition key of {object}",
        "A partition key cannot change its type: create a table partitioned by"
        " timestamptz and move the partitions over." + _KEEP,
    ),
    _tells(
        "TZ128",
        "inheritance",
        "{column} stands in a tree of table inheritance ({object})",
        "The revision converts the tree as one, from its topmost table.",
    ),
    _tells(
        "TZ129",
        "several parents",
        "{column} is inherited from several parents",
        "The revision converts it with all of them at once, so they need one zone.",
    ),
    _tells(
        "TZ130",
        "typed table",
        "{object} is a typed table, its columns belong to type {type}",
        "The revision detaches it from its type, converts both, and attaches it again.",
    ),
    _tells(
        "TZ131",
        "row type stored elsewhere",
        "{object} stores rows of the table of {column}",
        "The revision turns {object} to text, converts both, and reads the rows again,"
        " which rewrites it twice.",
    ),
    _warns(
        "TZ132",
        "row type in a function",
        "{object} takes or returns rows of the table, or values of the type, of"
        " {column}",
        "Read {object}: after the conversion it meets timestamptz, and sessions that"
        " have run it must reconnect.",
    ),
    _warns(
        "TZ133",
        "function reads the column in the session's zone",
        "{object} reads {column} in the session's zone afterwards: {places}",
        "Line {line}, {excerpt}: {advice}.",
    ),
    _warns(
        "TZ134",
        "trigger writes naive time",
        "{object} runs {function}, which writes naive time to {column}: {places}",
        "Line {line}, {excerpt}: {advice}.",
    ),
    _tells(
        "TZ135",
        "partition index that would change",
        "ALTER would not bring back {object} as it is: {reason}",
        _GIVEN_BACK,
    ),
    _tells(
        "TZ136",
        "index property that would be lost",
        "ALTER would take from {object} its {reason}",
        _GIVEN_BACK,
    ),
    _blocks(
        "TZ137",
        "invalid index",
        "{object} is invalid, and the conversion would try to build it",
        "Drop {object}, or repair it with REINDEX INDEX CONCURRENTLY, first.",
    ),
    _blocks(
        "TZ138",
        "foreign table in the tree",
        "{object} is a foreign table among the partitions of {column}",
        "Detach {object}, convert its data on its own server, and attach it again."
        + _KEEP,
    ),
    _blocks(
        "TZ139",
        "unknown dependent",
        "{object} depends on {column} in a way that is not known here",
        "Remove {object} before the conversion, or report this as a missing feature."
        + _KEEP,
    ),
    # the relation
    _blocks(
        "TZ140",
        "owned by another role",
        "{object} belongs to {owner}, not to the role that is connected",
        "Connect as {owner}, or as a member of that role.",
    ),
    _blocks(
        "TZ141",
        "managed by an engine",
        "{object} is managed by {engine}, where a plain ALTER TABLE is not safe",
        "Convert it with the means of {engine}; on Citus a bare cast shifts values by"
        " the workers' TimeZone." + _KEEP,
    ),
    _blocks(
        "TZ142",
        "owned by an extension",
        "{object} belongs to extension {extension}",
        "Leave it to the extension: exclude it, or declare '{column}' = \"keep\".",
    ),
    _warns(
        "TZ143",
        "published",
        "{object} is published by {name}",
        "Convert the subscribers in the same release: until both ends agree, values are"
        " read in the zone of the subscriber's database.",
    ),
    _warns(
        "TZ144",
        "filled by a subscription",
        "{object} is filled by {name}",
        "Convert the publisher in the same release, or set TimeZone of this database to"
        " the zone of the values first.",
    ),
    _blocks(
        "TZ145",
        "whole row made into something else",
        "{object} computes with {made} whole rows with {column}",
        "Let {object} name the columns that it needs instead of the whole row, or drop"
        " it and create it again after the conversion: {why}." + _KEEP,
    ),
    _warns(
        "TZ146",
        "whole row shown as something else",
        "{object} shows {made} whole rows with {column}",
        "It shows instants in the zone of the session afterwards. Let {object} name its"
        " columns instead of the whole row where that is not wanted.",
    ),
    _blocks(
        "TZ147",
        "exclusion constraint of a partitioned table",
        "{object} uses {column}, and PostgreSQL makes no copy of an exclusion"
        " constraint of a partitioned table on which the conversion could be tried",
        "Drop it before the conversion, and add it to the partitioned table again"
        " afterwards." + _KEEP,
    ),
    _blocks(
        "TZ148",
        "read from the rows of a function",
        "{object} reads {column} from rows that a function returns, and PostgreSQL"
        " before 15 does not know of it: it would take instants for naive time",
        "Drop it before the conversion, and create it again afterwards." + _KEEP,
    ),
    # what writes it
    _warns(
        "TZ150",
        "default that computes naive time",
        "default {default} of {column} yields naive time",
        "The revision replaces it by an expression with the same instant in every"
        " session's zone: compare it in the plan.",
    ),
    _warns(
        "TZ151",
        "default with a fixed wall-clock time",
        "default {default} of {column} is a fixed wall-clock time",
        "The revision writes it as a timestamptz in the column's zone: compare it in"
        " the plan.",
    ),
    _warns(
        "TZ152",
        "default that is a date",
        "default {default} of {column} is a date, that is midnight in some zone",
        "The revision computes midnight in the column's zone: compare it in the plan.",
    ),
    _blocks(
        "TZ153",
        "default that could not be read",
        "default {default} of {column} has no type that could be told ({type})",
        "Grant USAGE on the schema of the function that it calls, or change the default"
        " to an expression of type timestamp.",
    ),
    _tells(
        "TZ154",
        "child with a default of its own",
        "default of {column} differs from that of its parent table",
        "The revision converts it by itself.",
    ),
    _warns(
        "TZ155",
        "default that may depend on the session's zone",
        "default {default} of {column} may depend on the session's zone",
        "Check that it means the same in every session, or set TimeZone for the roles"
        " that write.",
    ),
    # the database
    _warns(
        "TZ160",
        "list of an engine unreadable",
        "table {object} of {engine} cannot be read by this role",
        "Connect as a role that may read it: which tables {engine} manages is not known"
        " otherwise.",
    ),
    _warns(
        "TZ161",
        "exclude pattern without a table",
        "exclude pattern {pattern} fits no table of this database",
        "Correct it under [scan] exclude in the configuration, or take it away: a table"
        " that was meant is not left out.",
    ),
    # functions, read
    _warns(
        "TZ170",
        "function writes naive time",
        "{object} writes naive time to {column}: {places}",
        "Line {line}, {excerpt}: {advice}.",
    ),
    _warns(
        "TZ171",
        "function whose result type changes",
        "{object} returns {column} as naive time, and fails afterwards: {places}",
        "Line {line}, {excerpt}: {advice}.",
    ),
    _warns(
        "TZ172",
        "function that cannot be read",
        "{object} mentions {column} where it cannot be read: {places}",
        "Line {line}, {excerpt}: {advice}.",
    ),
    _warns(
        "TZ173",
        "function takes naive time",
        "{object} lets {column} meet naive arguments: {places}",
        "Callers that hold a timestamptz need an overload, with the column's zone for"
        " Z: {overload}.",
    ),
    _warns(
        "TZ174",
        "trigger gets the column's name",
        "{object} hands the name of {column} to {function}",
        "Read {function}: a naive value that it assigns is taken in the session's zone"
        " afterwards.",
    ),
)

REGISTRY: dict[str, Rule] = {rule.code: rule for rule in RULES}

FAMILY_CODES = {
    "array": "TZ101",
    "range": "TZ102",
    "multirange": "TZ103",
    "domain": "TZ104",
    "composite": "TZ105",
}

DEPENDENT_CODES = {
    "view": "TZ110",
    "materialized view": "TZ111",
    "rule": "TZ112",
    "trigger": "TZ113",
    "policy": "TZ114",
    "generated column": "TZ115",
    "check": "TZ117",
    "foreign key": "TZ118",
    "exclusion": "TZ119",
    "index expression": "TZ120",
    "index predicate": "TZ121",
    "operator class": "TZ122",
    "whole-row index": "TZ123",
    "statistics": "TZ124",
    "publication": "TZ125",
    "sql-body function": "TZ126",
    "partition key": "TZ127",
    "inheritance": "TZ128",
    "several parents": "TZ129",
    "typed table": "TZ130",
    "row type": "TZ131",
    "row type in function": "TZ132",
}
UNKNOWN_DEPENDENT = "TZ139"
PRINTED_ROW: dict[str, Any] = {
    "made": "text, JSON or something else that is made of",
    "why": "instants in it would be printed in the zone of each session",
}
"""What TZ145 and TZ146 say where no function of the users' own is handed the rows."""
FUNCTION_SOURCE = "TZ133"
"""Of a dependent that is a function's text; it is a finding only where it matters."""
IDLE_EXCLUDE = "TZ161"


def find(code: str, **names: object) -> Finding:
    """Build the finding of a code, filled with the user's names.

    >>> find("TZ106", column="public.v.at").message
    'public.v.at is computed by a view'
    """
    return REGISTRY[code].finding(**names)
