"""What PostgreSQL's types and functions do with time."""

from dataclasses import dataclass, replace
from enum import Enum, auto

from tzmigrate.inventory.routines.model import Certainty, ColumnName, Time
from tzmigrate.inventory.routines.syntax import TypeName

_TYPES = {
    "timestamp": Time.NAIVE,
    "timestamp without time zone": Time.NAIVE,
    "timestamptz": Time.ZONED,
    "timestamp with time zone": Time.ZONED,
    "date": Time.DATE,
    "time": Time.CLOCK,
    "timetz": Time.CLOCK,
    "time without time zone": Time.CLOCK,
    "time with time zone": Time.CLOCK,
    "interval": Time.INTERVAL,
}
_TEXTS = frozenset(
    ("text", "varchar", "char", "bpchar", "name", "citext", "character")
) | {"character varying"}
_OTHERS = frozenset(
    """int int2 int4 int8 integer smallint bigint serial bigserial numeric decimal real
    float float4 float8 boolean bool uuid json jsonb bytea oid regclass regtype inet
    cidr money void trigger xml bit varbit xid""".split()
) | {"double precision"}


@dataclass(frozen=True, slots=True)
class Value:
    """What is known about a value.

    Attributes:
        columns: the converting columns that it comes from, or is stored in.
        row: fields of a row or record, where they are known.
        variable: the variable or argument that it is.
    """

    time: Time
    columns: frozenset[ColumnName] = frozenset()
    certainty: Certainty = Certainty.CERTAIN
    row: tuple[tuple[str, "Value"], ...] | None = None
    variable: str | None = None

    def field(self, name: str) -> "Value":
        """Return a field of the row."""
        for known, value in self.row or ():
            if known == name:
                return value
        return UNKNOWN

    def doubted(self, certainty: Certainty) -> "Value":
        """Return the same, no surer than that."""
        if self.certainty <= certainty:
            return self
        return replace(self, certainty=certainty)


UNKNOWN = Value(Time.UNKNOWN)
OTHER = Value(Time.OTHER)
NAIVE = Value(Time.NAIVE)
ZONED = Value(Time.ZONED)
LITERAL = Value(Time.LITERAL)


def time_of(name: str) -> Time:
    """Return what is known about a type, by its name or as ``format_type`` prints it.

    >>> time_of("timestamp(3) without time zone").name
    'NAIVE'
    """
    if name.endswith("[]"):
        return Time.UNKNOWN
    plain, bracket, rest = name.partition("(")
    if bracket:
        plain += rest.partition(")")[2]
    if plain in _TYPES:
        return _TYPES[plain]
    if plain in _TEXTS:
        return Time.TEXT
    return Time.OTHER if plain in _OTHERS else Time.UNKNOWN


def time_of_type(written: TypeName | None) -> Time:
    """Return what is known about a type as it is written in a body."""
    if written is None or written.array or written.percent:
        return Time.UNKNOWN
    if len(written.name) > 1 and written.name[0] != "pg_catalog":
        return Time.UNKNOWN
    return time_of(written.name[-1])


class Part(Enum):
    """What a function does with a moved argument."""

    INSTANT = auto()
    """No argument; this instant."""
    PASSES = auto()
    """The result has the type of the arguments."""
    QUIET = auto()
    """The same answer in every session."""
    ASKS_SESSION = auto()
    """Of timestamptz it depends on the session's zone."""
    TAKES_NAIVE = auto()
    """It has no form for timestamptz, or another result."""
    TAKES_ZONED = auto()
    """It took a timestamptz before: the hidden cast goes away."""


@dataclass(frozen=True, slots=True)
class Builtin:
    """A function of pg_catalog: its part, and the time of its result."""

    part: Part
    time: Time


def _table(part: Part, time: Time, names: str) -> dict[str, Builtin]:
    return dict.fromkeys(names.split(), Builtin(part, time))


BUILTINS: dict[str, Builtin] = {
    **_table(
        Part.INSTANT,
        Time.ZONED,
        "now current_timestamp transaction_timestamp statement_timestamp"
        " clock_timestamp",
    ),
    **_table(
        Part.PASSES,
        Time.UNKNOWN,
        "coalesce greatest least nullif min max first_value last_value nth_value lag"
        " lead any_value mode",
    ),
    **_table(
        Part.QUIET,
        Time.OTHER,
        "count isfinite num_nulls num_nonnulls row_number rank dense_rank"
        " percent_rank cume_dist ntile bool_and bool_or every random nextval currval"
        " lastval gen_random_uuid length char_length txid_current pg_backend_pid"
        " pg_notify set_config array_length cardinality pg_column_size pg_sleep abs"
        " round floor ceil ceiling mod hashint8",
    ),
    **_table(Part.QUIET, Time.DATE, "current_date to_date make_date"),
    **_table(Part.QUIET, Time.CLOCK, "current_time localtime make_time"),
    **_table(
        Part.QUIET,
        Time.INTERVAL,
        "make_interval justify_days justify_hours justify_interval",
    ),
    **_table(
        Part.QUIET,
        Time.TEXT,
        "lower upper left right substr substring replace trim btrim ltrim rtrim"
        " regexp_replace current_setting quote_ident initcap repeat split_part"
        " translate chr encode current_user session_user user current_role"
        " current_catalog current_schema lpad rpad",
    ),
    **_table(Part.QUIET, Time.NAIVE, "localtimestamp make_timestamp"),
    **_table(
        Part.TAKES_ZONED,
        Time.ZONED,
        "to_timestamp make_timestamptz timestamptz pg_postmaster_start_time"
        " pg_conf_load_time pg_xact_commit_timestamp",
    ),
    **_table(Part.TAKES_ZONED, Time.UNKNOWN, "tstzrange tstzmultirange"),
    **_table(Part.ASKS_SESSION, Time.NAIVE, "date_bin timestamp"),
    **_table(
        Part.ASKS_SESSION,
        Time.OTHER,
        "extract date_part to_json to_jsonb json_build_object jsonb_build_object"
        " json_build_array jsonb_build_array json_agg jsonb_agg json_object_agg"
        " jsonb_object_agg json_agg_strict jsonb_agg_strict",
    ),
    **_table(
        Part.ASKS_SESSION,
        Time.TEXT,
        "to_char concat concat_ws format quote_literal quote_nullable text md5"
        " string_agg",
    ),
    **_table(Part.ASKS_SESSION, Time.INTERVAL, "age"),
    **_table(Part.ASKS_SESSION, Time.DATE, "date"),
    **_table(Part.ASKS_SESSION, Time.CLOCK, "time"),
    **_table(Part.TAKES_NAIVE, Time.UNKNOWN, "tsrange tsmultirange"),
}
"""Functions whose part is known; of any other it is not."""
