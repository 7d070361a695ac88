"""What leans on columns that convert, as it was found on the shadow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5

from tzmigrate.planning.model import DependentKind

SETS_EXPRESSION = 170000
"""From this version on a generated column can get another expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewColumn:
    """An output column of a view that holds naive time, and the word it got.

    Attributes:
        base: the built-in type at the end of a domain, else ``type`` again.
    """

    name: str
    type: str
    base: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What is to be known of a generated column to make it anew.

    Attributes:
        schema, relation: its table, unquoted.
        place: its number among the columns of the table.
        collation: where it is not that of its type, as SQL names it.
        stored: it holds its values; else they are computed when it is read.
        fed: it is computed from columns that convert.
        followed: a column that is not generated stands after it.
        unlike: a partition or child computes it otherwise.
        moved: a partition or child has other columns from it on.
    """

    schema: str
    relation: str
    place: int
    collation: str
    not_null: bool
    stored: bool
    fed: bool
    followed: bool
    unlike: bool
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """One thing that leans on a converting column, or on a view above one.

    Attributes:
        depth: of a view, counted from the tables; what it reads has a smaller one.
        text: its definition as the shadow prints it.
        tokens: the same with each column that may change replaced by its word.
        tree: the parsed expressions in it, as text.
        reads: the views that it reads or stands on, by ``relation``.
        outputs: of a view, all its columns in order; ``None`` for those without
            naive time.
        storage: of a materialized view, ``USING …`` and ``TABLESPACE …`` where they
            are not the defaults.
        on_view: of a part, that its relation is a view.
        direct: of a view, that it reads a converting column itself, even where a list
            of column aliases hides the word, or stores rows that hold one.
        type: of a generated column or one with a default; ``contype`` of a constraint.
        stands: it must not be there while a generated column is made anew, or a
            routine that it calls.
        generated: of a generated column, what making it anew takes.
        refilled: of an index or exclusion constraint, that it need not use a
            converting column: it calls functions of the users, and these may compute
            with the zone of the session that fills it.
        calls: of a constraint or generated column, that functions of the users may be
            called for each row: by itself, by a type, or by a text that it runs.
        called: functions and operators of the users that it calls itself.
    """

    kind: DependentKind
    relation: str
    name: str | None
    text: str
    tokens: str
    tree: str
    depth: int = 0
    reads: frozenset[str] = frozenset()
    outputs: tuple[ViewColumn | None, ...] = ()
    storage: str = ""
    on_view: bool = False
    direct: bool = False
    type: str = ""
    stands: bool = False
    generated: Generated | None = None
    refilled: bool = False
    calls: bool = False
    called: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, str, str | None]:
        """What identifies it in a database."""
        return (self.kind.value, self.relation, self.name)


@dataclass(frozen=True, slots=True)
class Definition:
    """What one thing is: as text, and as the server holds it parsed.

    Attributes:
        called: functions and operators of the users that it calls.
    """

    text: str
    tree: str
    called: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """What a revision knows the text by."""
        return md5(self.text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that leans on the columns of one group.

    Attributes:
        words: for each converting column (schema, relation, name) the word it got.
        relations: columns of what views and rules read, words among them, for lists
            of column aliases in their texts.
    """

    things: tuple[Leaning, ...] = ()
    words: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    relations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
