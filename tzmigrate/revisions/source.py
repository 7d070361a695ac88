"""Read Python source without running it.

Revisions of the user's project may import application code that is not
installed where tzmigrate runs, so nothing here imports them: assignments at module
level are evaluated as far as they are literals, and functions are compared by
what they mean.
"""

import ast
import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

Literal = (
    None
    | bool
    | int
    | float
    | str
    | bytes
    | tuple["Literal", ...]
    | Mapping["Literal", "Literal"]
)
"""What an assignment can be read as; lists and sets become tuples."""

FACTS = "TZMIGRATE"
"""The module-level name under which a revision says what it is."""

IDENTIFIERS = ("revision", "down_revision", "branch_labels", "depends_on")
"""What Alembic reads from a revision file."""

_WIDTH = 88
"""How long a line of a literal may be."""

_IGNORED_FIELDS = frozenset(
    # Positions are attributes, not fields. The rest says nothing about what runs,
    # or exists in some Python versions only.
    ["kind", "type_comment", "type_params", "returns", "annotation"]
)

_NESTED = (dict, list, tuple)

_json = json.JSONEncoder(sort_keys=True, ensure_ascii=True, default=list).encode


class NotLiteralError(Exception):
    """An expression cannot be evaluated without running code."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One parsed Python file.

    Attributes:
        values: module-level names bound to literals.
        unreadable: module-level names bound to anything else, with the line.
    """

    tree: ast.Module
    values: Mapping[str, Literal] = field(default_factory=dict)
    unreadable: Mapping[str, int] = field(default_factory=dict)

    def functions(self) -> frozenset[str]:
        """Return the names of the functions defined at module level."""
        return frozenset(
            node.name for node in self.tree.body if isinstance(node, ast.FunctionDef)
        )


def parse(source: bytes | str) -> Module:
    """Parse one file and evaluate what is literal in it.

    Raises:
        SyntaxError: the text is not Python as this interpreter knows it.
        ValueError: the text holds null bytes or cannot be decoded.

    >>> parse("a = 'x'; b: str = a + 'y'; c = f()").values
    {'a': 'x', 'b': 'xy'}
    """
    with warnings.catch_warnings():
        # An invalid escape in somebody's docstring is not ours to report.
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    values: dict[str, Literal] = {}
    unreadable: dict[str, int] = {}
    for name, expression, line in _bindings(tree.body, nested=False):
        values.pop(name, None)
        unreadable.pop(name, None)
        if expression is None:
            unreadable[name] = line
            continue
        try:
            values[name] = evaluate(expression, values)
        except NotLiteralError as error:
            unreadable[name] = error.line
        except (RecursionError, TypeError):
            unreadable[name] = line
    return Module(tree=tree, values=values, unreadable=unreadable)


def evaluate(  # noqa: PLR0911 - one return per shape of expression
    node: ast.expr, names: Mapping[str, Literal]
) -> Literal:
    """Evaluate an expression made of constants, displays, ``+`` and known names."""
    match node:
        case ast.Constant(value=str() | None | bool() | int() | float() | bytes()):
            return node.value  # type: ignore[return-value] # the pattern narrows it
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return tuple(evaluate(item, names) for item in items)
        case ast.Dict(keys=keys, values=items) if all(keys):
            return {
                evaluate(key, names): evaluate(item, names)
                for key, item in zip(keys, items, strict=True)
                if key is not None
            }
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            operand = evaluate(node.operand, names)
            return -operand if isinstance(operand, int | float) else operand
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            match evaluate(left, names), evaluate(right, names):
                case (str() as one, str() as other):
                    return one + other
                case (tuple() as one, tuple() as other):
                    return one + other
        case ast.JoinedStr(values=parts):
            return "".join(_formatted(part, names) for part in parts)
    raise NotLiteralError(node.lineno)


def _formatted(node: ast.expr, names: Mapping[str, Literal]) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            result = evaluate(value, names)
            if isinstance(result, str | int):
                return str(result)
    raise NotLiteralError(node.lineno)


def _bindings(
    body: Iterable[ast.stmt], *, nested: bool
) -> Iterator[tuple[str, ast.expr | None, int]]:
    """Yield (name, expression, line) for each module-level binding, in order.

    The expression is ``None`` where the value depends on what runs.
    """
    for node in body:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield target.id, None if nested else value, node.lineno
                    else:
                        yield from _targets(target)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, None if nested else value, node.lineno
            case ast.AugAssign(target=ast.Name(id=name)):
                yield name, None, node.lineno
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    yield alias.asname or alias.name, None, node.lineno
            case (
                ast.If() | ast.Try() | ast.With() | ast.For() | ast.While()
            ):  # whether and how these run is unknown
                for part in ("body", "handlers", "orelse", "finalbody"):
                    for child in getattr(node, part, ()):
                        inner = getattr(child, "body", ())
                        nodes = inner if part == "handlers" else [child]
                        yield from _bindings(nodes, nested=True)


def _targets(target: ast.expr) -> Iterator[tuple[str, None, int]]:
    for child in ast.walk(target):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id, None, child.lineno


def digest(module: Module, facts: Mapping[str, object]) -> str:
    """Digest what a revision does: its two functions, and what it says of itself.

    Formatters may move, split and requote: positions, comments, docstrings and the
    seams between adjacent string literals do not count. ``down_revision`` and its
    like do not count either, so that a branch can be merged or moved.
    """
    return digest_of(meaning(module), facts)


def digest_of(meant: Mapping[str, str], facts: Mapping[str, object]) -> str:
    """Return the same for what ``meaning`` has found."""
    found = ", ".join(f"{_json(name)}: {meant[name]}" for name in sorted(meant))
    said = _json({key: value for key, value in facts.items() if key != "digest"})
    return hashlib.sha256(f"[{{{found}}}, {said}]".encode("ascii")).hexdigest()


def meaning(module: Module) -> dict[str, str]:
    """Return ``upgrade``, ``downgrade`` and all at module level that they use.

    Each is the JSON text of its definitions, which is what the digest is made of.
    """
    defined = definitions(module)
    found: dict[str, str] = {}
    wanted = ["upgrade", "downgrade"]
    while wanted:
        name = wanted.pop()
        if name not in found and name in defined:
            found[name] = _canonical(defined[name], wanted)
    return found


def meaning_of_all(module: Module) -> dict[str, str]:
    """Return the same of all that is defined at module level, used or not."""
    return {name: _canonical(nodes, []) for name, nodes in definitions(module).items()}


def definitions(module: Module) -> dict[str, list[ast.AST]]:
    """Return what is defined at module level, each name with all that it is given."""
    found: dict[str, list[ast.AST]] = {}
    for node in module.tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.setdefault(name, []).append(node)
            case ast.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(node.value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.setdefault(name, []).append(value)
    for name in (*IDENTIFIERS, FACTS):
        found.pop(name, None)
    return found


def _canonical(node: object, names: list[str]) -> str:
    """Return a node as JSON text, and add the names in it to a list."""
    if isinstance(node, ast.Constant):
        return f'["{type(node.value).__name__}", {_json(repr(node.value))}]'
    if isinstance(node, list):
        items = [_canonical(item, names) for item in node if not does_nothing(item)]
        return f"[{', '.join(items)}]"
    if not isinstance(node, ast.AST):
        return _json(node)
    match node:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr=attr),
                args=[ast.Constant(value=value)],
                keywords=[],
            )
        ):  # op.execute("…"), of which revisions are made: the same as below, at once
            names.append(name)
            before, after = _around_argument(name, attr)
            return f'{before}["{type(value).__name__}", {_json(repr(value))}]{after}'
        case ast.Name(id=name):
            names.append(name)
    # ast.dump prints other things in each Python version; this does not.
    parts = []
    for name in _in_order(node._fields):
        value = getattr(node, name, None)
        if value is None or value == []:
            continue
        text = _canonical(value, names)
        if name not in _IGNORED_FIELDS:
            parts.append(f'"{name}": {text}')
    return f'["{type(node).__name__}", {{{", ".join(parts)}}}]'


@lru_cache
def _around_argument(name: str, attribute: str) -> tuple[str, str]:
    function = (
        f'["Attribute", {{"attr": {_json(attribute)},'
        f' "value": ["Name", {{"id": {_json(name)}}}]}}]'
    )
    return '["Expr", {"value": ["Call", {"args": [', f'], "func": {function}}}]}}]'


@cache
def _in_order(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(fields) - {"ctx"}))


def does_nothing(node: object) -> bool:
    """Tell whether a statement may come and go: a docstring, or ``pass``."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass)


def render_literal(value: object) -> str:
    """Write a value as Python source, one entry per line where it is long.

    >>> print(render_literal({"step": "tz_orders", "columns": [["a", "b"]]}))
    {"step": "tz_orders", "columns": [["a", "b"]]}
    """
    return _rendered(value, 0)[1]


def _rendered(value: object, indent: int) -> tuple[str, str]:
    """Return a value on one line, and as it is written at an indentation."""
    if isinstance(value, str):
        text = quoted(value)
        return text, text
    if isinstance(value, dict):
        marks, row = "{}", False
        items = [
            (f"{_rendered(key, 0)[0]}: ", *_rendered(item, indent + 4))
            for key, item in value.items()
        ]
    elif isinstance(value, (list, tuple)):
        marks, row = "[]", not any(isinstance(item, _NESTED) for item in value)
        items = [("", *_rendered(item, indent + 4)) for item in value]
    else:
        return repr(value), repr(value)
    flat = ", ".join([f"{key}{item}" for key, item, _ in items]).join(marks)
    # A row of plain values reads best on one line, if it is not too long for that.
    if len(flat) + indent + len(FACTS) <= _WIDTH + (32 if row and indent else 0):
        return flat, flat
    inner = " " * (indent + 4)
    lines = "".join([f"{inner}{key}{item},\n" for key, _, item in items])
    return flat, f"{marks[0]}\n{lines}{inner[4:]}{marks[1]}"


def quoted(text: str) -> str:
    r"""Return a Python string literal, in double quotes where that needs no escapes.

    >>> print(quoted("it's\n"))
    "it's\n"
    """
    found = repr(text)
    if found.startswith("'") and '"' not in text:
        return f'"{found[1:-1]}"'
    return found


def strings(value: Literal) -> Sequence[str] | None:
    """Read ``None``, a string or several as a sequence; ``None`` for anything else."""
    match value:
        case None:
            return ()
        case str():
            return (value,)
        case tuple() if all(isinstance(item, str) for item in value):
            return tuple(str(item) for item in value)
    return None
