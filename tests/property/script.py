"""The script of a random schema while it is written: its statements, names, zones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from tests.acceptance.test_names_that_bite import fits
from tests.observing import quoted

T = TypeVar("T")


@dataclass(frozen=True)
class Field:
    """A column of a table or view that holds time.

    Attributes:
        name: unquoted.
        letter: what templates call it.
        zone: the zone of its values, where they are naive.
    """

    name: str
    letter: str
    zone: str


@dataclass(frozen=True)
class Made:
    """A table or view that others may lean on."""

    schema: str
    name: str
    fields: tuple[Field, ...]
    unique: bool = False

    @property
    def sql(self) -> str:
        return f"{self.schema}.{quoted(self.name)}"

    def of(self, letter: str) -> list[Field]:
        return [f for f in self.fields if f.letter == letter]


@dataclass
class Script:
    """The statements of a schema, and the zones of its columns.

    Attributes:
        declared: zones that one column has by itself: schema, table, column.
        shown: zones of views' columns, which nobody declares.
        calls: what clients ask functions.
    """

    dice: Random
    version: int
    names: list[str]
    statements: list[str] = field(default_factory=list)
    schemas: dict[str, str] = field(default_factory=dict)
    declared: dict[tuple[str, str, str], str] = field(default_factory=dict)
    shown: dict[tuple[str, str, str], str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def add(self, statement: str) -> None:
        self.statements.append(statement)

    def name(self) -> str:
        """Return a name that is not taken yet, unquoted."""
        found = self.names.pop(0)
        self.names.append(fits(found, 50) + str(len(self.names)))
        return found

    def choose(self, options: Sequence[T]) -> T:
        return self.dice.choice(options)

    def maybe(self, share: int = 2) -> bool:
        """Return true once in ``share`` times, roughly."""
        return self.dice.randrange(share) == 0

    def some(self, least: int, most: int) -> range:
        return range(self.dice.randint(least, most))

    def template(self, templates: Sequence[str], made: Made | None = None) -> str:
        """Choose one that this version knows, and the columns are there for."""
        fitting = []
        for template in templates:
            since = re.match(r">= (\d+) ", template)
            if since and int(since[1]) > self.version:
                continue
            letters = set(re.findall(r"\{([cdraw])0?\}", template))
            if made is None or all(made.of("c" if x == "d" else x) for x in letters):
                fitting.append(template[since.end() :] if since else template)
        return self.choose(fitting)

    def filled(
        self, templates: Sequence[str], made: Made, row: str = ""
    ) -> tuple[str, str | None]:
        """Choose a template and fill it; return the zone of its columns, too."""
        template = self.template(templates, made)
        words = {"n": f"{row}n", "t": made.sql, "s": made.schema}
        zones = set()
        for letter in dict.fromkeys(re.findall(r"\{([cdraw])\}", template)):
            one = self.choose(made.of("c" if letter == "d" else letter))
            words[letter] = row + quoted(one.name)
            zones.add(one.zone)
            if letter == "c":
                words["z"] = one.zone
                alike = [f for f in made.of("c") if f.zone == one.zone]
                words["e"] = row + quoted(self.choose(alike).name)
        if "{c0}" in template:
            one = made.of("c")[0]
            words["c0"] = quoted(one.name)
            zones.add(one.zone)
        return template.format(**words), zones.pop() if len(zones) == 1 else None
