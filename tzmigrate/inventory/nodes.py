"""Read stored expressions and queries: what ``pg_node_tree`` holds as text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

_TYPES = (
    "vartype",
    "consttype",
    "paramtype",
    "funcresulttype",
    "opresulttype",
    "aggtype",
    "wintype",
    "coalescetype",
    "minmaxtype",
    "casetype",
    "resulttype",
    "type",
)
"""Fields of primnodes.h that hold the type of the value, one in each node."""

_WORD = re.compile(r"[{}()]|(?:[^\\{}()\s]+|\\.?)+", re.DOTALL)
"""Braces, parentheses and words; a backslash protects what follows it."""

_SIGNS = frozenset("{}()")


@dataclass(slots=True)
class Node:
    """``{NAME :field value …}``; values as their words and nodes."""

    name: str
    fields: dict[str, list["str | Node"]] = field(default_factory=dict)

    def words(self, name: str) -> list[str]:
        """Return the words of a field."""
        return [v for v in self.fields.get(name, ()) if isinstance(v, str)]

    def nodes(self) -> Iterator["Node"]:
        """Yield the nodes of all fields."""
        for values in self.fields.values():
            yield from filter(is_node, values)


def is_node(value: "str | Node") -> "TypeGuard[Node]":
    """Tell nodes from words."""
    return isinstance(value, Node)


def type_of(node: Node) -> str:
    """Return the OID of a node's type; empty if the node does not say."""
    for name in _TYPES:
        words = node.words(name)
        if len(words) == 1 and words[0].isdecimal():
            return words[0]
    return ""


def read_nodes(tree: str) -> list["str | Node"]:
    """Read a tree as ``nodeToString`` writes it (outfuncs.c).

    Lists are flattened into the field that holds them.
    """
    top: list[str | Node] = []
    values = top
    opened: list[tuple[Node, list[str | Node]]] = []
    fresh = False
    for word in _WORD.findall(tree):
        if fresh:
            opened[-1][0].name = word
            values, fresh = [], False
        elif word[0] == ":" and opened:
            values = opened[-1][0].fields.setdefault(word[1:], [])
        elif word not in _SIGNS:
            values.append(word)
        elif word == "{":
            node = Node("")
            values.append(node)
            opened.append((node, values))
            fresh = True
        elif word == "}":
            _, values = opened.pop()
    return top
