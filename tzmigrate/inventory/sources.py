"""Function bodies, searched for names: what the catalog does not record."""

import re
from collections import defaultdict
from collections.abc import Iterable

from tzmigrate.inventory.rows import FunctionRow

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


class Sources:
    """An index of the words in function bodies."""

    def __init__(self, functions: Iterable[FunctionRow]) -> None:
        self._functions: dict[int, FunctionRow] = {}
        self._words: dict[int, frozenset[str]] = {}
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for function in functions:
            self._functions[function.oid] = function
            self._words[function.oid] = found = words(function.source)
            for word in found:
                self._by_word[word].add(function.oid)

    def mentions(self, function: int, word: str) -> bool:
        """Tell whether one function's body mentions a name."""
        return word in self._words.get(function, ())

    def readable(self, function: int) -> bool:
        """Tell whether the function's body is known."""
        return function in self._functions

    def naming(self, relation: str, column: str) -> list[FunctionRow]:
        """Return the functions whose body mentions both names."""
        if not self._functions:
            return []
        both = self._by_word.get(relation, set()) & self._by_word.get(column, set())
        return sorted((self._functions[oid] for oid in both), key=lambda f: f.signature)
