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

_IGNORED_FIELDS = frozenset(
    # Positions are attributes, not fields. The rest says nothing about what runs,
    # or exists in some Python versions only.
    ["ctx", "kind", "type_comment", "type_params", "returns", "annotation"]
)


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
        case ast.Constant(value=None | bool() | int() | float() | str() | bytes()):
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


def digest_of(meant: Mapping[str, object], facts: Mapping[str, object]) -> str:
    """Return the same for what ``meaning`` has found."""
    said = {key: value for key, value in facts.items() if key != "digest"}
    text = json.dumps([meant, said], sort_keys=True, ensure_ascii=True, default=list)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def meaning(module: Module) -> dict[str, object]:
    """Return ``upgrade``, ``downgrade`` and all at module level that they use."""
    definitions: dict[str, list[ast.AST]] = {}
    for node in module.tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                definitions.setdefault(name, []).append(node)
            case ast.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        definitions.setdefault(target.id, []).append(node.value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                definitions.setdefault(name, []).append(value)
    for name in (*IDENTIFIERS, FACTS):
        definitions.pop(name, None)
    found: dict[str, object] = {}
    wanted = ["upgrade", "downgrade"]
    while wanted:
        name = wanted.pop()
        if name in found or name not in definitions:
            continue
        found[name] = [_canonical(node, wanted) for node in definitions[name]]
    return found


def _canonical(node: object, names: list[str]) -> object:
    """Return a node as JSON takes it, and add the names in it to a list."""
    # a long plan has millions of nodes, so this goes without patterns and iterators
    if isinstance(node, ast.Constant):
        return [type(node.value).__name__, repr(node.value)]
    if isinstance(node, list):
        return [_canonical(item, names) for item in node if not _does_nothing(item)]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Name):
        names.append(node.id)
    # ast.dump prints other things in each Python version; this does not.
    parts: dict[str, object] = {}
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None or value == []:
            continue
        if name not in _IGNORED_FIELDS:
            parts[name] = _canonical(value, names)
        elif name != "ctx":
            _canonical(value, names)
    return [type(node).__name__, parts]


def _does_nothing(node: object) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass)


def render_literal(value: object, *, indent: int = 0, width: int = 88) -> str:
    """Write a value as Python source, one entry per line where it is long.

    >>> print(render_literal({"step": "tz_orders", "columns": [["a", "b"]]}))
    {"step": "tz_orders", "columns": [["a", "b"]]}
    """
    flat = _flat(value)
    row = isinstance(value, list | tuple) and not any(
        isinstance(item, Mapping | list | tuple) for item in value
    )
    # A row of plain values reads best on one line, if it is not too long for that.
    if len(flat) + indent + len(FACTS) <= (width + 32 if row and indent else width):
        return flat
    inner = " " * (indent + 4)
    close = " " * indent
    match value:
        case Mapping():
            lines = "".join(
                f"{inner}{_flat(key)}: "
                f"{render_literal(item, indent=indent + 4, width=width)},\n"
                for key, item in value.items()
            )
            return f"{{\n{lines}{close}}}"
        case list() | tuple():
            lines = "".join(
                f"{inner}{render_literal(item, indent=indent + 4, width=width)},\n"
                for item in value
            )
            return f"[\n{lines}{close}]"
    return flat


def _flat(value: object) -> str:
    match value:
        case str():
            text = repr(value)
            if text[0] == "'" and '"' not in text:
                return f'"{text[1:-1]}"'
            return text
        case Mapping():
            items = (f"{_flat(key)}: {_flat(item)}" for key, item in value.items())
            return "{" + ", ".join(items) + "}"
        case list() | tuple():
            return "[" + ", ".join(_flat(item) for item in value) + "]"
    return repr(value)


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
