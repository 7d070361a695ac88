"""What messages call the team's way of migrating, and how it is set right."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one way of migrating.

    Attributes:
        directory: where the revisions are.
        option: what names another one.
        record: what says that a revision is applied.
        misled: how the record can come to say more than the ledger, as a sentence.
        correct: how the record is corrected.
        runner: what runs a revision.
        undone: how a revision that ran can be missing from the ledger, as a sentence.
        look: where that shows itself.
        upgrade: what runs new revisions, besides ``tzmigrate apply``.
        current: the command that shows where the database stands.
    """

    directory: str
    option: str
    record: str
    misled: str
    correct: str
    runner: str
    undone: str
    look: str
    upgrade: str
    current: str


ALEMBIC = Words(
    directory="the Alembic directory",
    option="--alembic-dir",
    record="Alembic's version table",
    misled="It was stamped, or taken back outside Alembic.",
    correct="alembic stamp the revision below it",
    runner="Alembic",
    undone="env.py may have rolled it back, or run it somewhere else.",
    look="Look at env.py and at alembic current",
    upgrade="alembic upgrade heads",
    current="alembic current",
)

TEAM = replace(
    ALEMBIC,
    runner="the command of [alembic]",
    undone="It may have moved the version table alone, or have worked elsewhere.",
    look="See what it runs, and where",
    upgrade="your own upgrade command",
)

SCRIPTS = Words(
    directory="the directory of SQL scripts",
    option="--sql",
    record="the order of the scripts",
    misled="The ledger has a later one as done, and has lost this one.",
    correct="restore the schema tzmigrate from a backup",
    runner="tzmigrate",
    undone="A trigger or another session may have changed the ledger.",
    look="Look at the table tzmigrate.step",
    upgrade="whatever runs your scripts",
    current="tzmigrate verify",
)


def counted(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
