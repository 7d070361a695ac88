"""How each family's value is written as naive or as zoned inside an expression."""

from tzmigrate.planning.families import BOUNDS, Cast, cast_of
from tzmigrate.planning.rewriting.model import SCALAR_NAIVE, SCALAR_ZONED


def templates(type_name: str) -> tuple[str | None, str | None]:
    """Return what makes a naive value of a zoned one, and a zoned one of a naive.

    ``{}`` stands for the value, ``{zone}`` for the zone as a literal; ``None`` where
    there is no such expression.

    >>> templates("timestamp(3) without time zone")[0]
    '(({} AT TIME ZONE {zone}))::timestamp(3) without time zone'
    >>> templates("timestamp without time zone[]")
    (None, None)
    """
    cast = cast_of(type_name)
    if cast is Cast.ZONE:
        naive = SCALAR_NAIVE
        if type_name != "timestamp without time zone":
            naive = f"({naive})::{type_name}"
        return naive, SCALAR_ZONED
    if cast is Cast.BOUNDS:
        naive = BOUNDS.replace("{type}", "tsrange")
        zoned = BOUNDS.replace("{type}", "tstzrange").replace("{}", "(({})::tsrange)")
        return f"({naive})", f"({zoned})"
    return None, None
