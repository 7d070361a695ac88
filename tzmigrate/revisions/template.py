"""Render one revision file from the project's ``script.py.mako``.

A template may be old, or may have been changed in any way; what it makes is believed
only after it was parsed again and found to do exactly what was asked.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib.util import decode_source
from typing import Final

from alembic.script.revision import tuple_rev_as_scalar
from alembic.util import format_as_comma
from mako.template import Template  # type: ignore[import-untyped] # it has no types

from tzmigrate.revisions.project import AlembicProject
from tzmigrate.revisions.source import (
    FACTS,
    IDENTIFIERS,
    Module,
    definitions,
    digest_of,
    does_nothing,
    meaning,
    meaning_of_all,
    parse,
    render_literal,
    strings,
)

_INDENT: Final = "    "

_PLACE: Final = re.compile(r"^(?:#.*\n)*def (?:up|down)grade\(", re.MULTILINE)
"""Where the first of the two functions seems to begin, with the comment above it."""

_UNSIGNED: Final = "0" * 64
"""Stands for the digest until that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A revision to be written.

    Attributes:
        slug: what the file's name says, ``tz_orders``.
        message: the first line of the docstring; any text.
        upgrade, downgrade: bodies, each line already indented by four spaces.
            They reach the file as they are; nothing in them is evaluated.
        facts: what ``TZMIGRATE`` says, without the digest.
        constants: module-level source that the bodies use, placed above them.
        depends_on: revisions of other branches that must run before.
        branch_labels: a label for a new branch.
        revision: the identifier.
    """

    revision: str
    slug: str
    message: str
    upgrade: str
    downgrade: str
    facts: Mapping[str, object]
    constants: str = ""
    depends_on: tuple[str, ...] = ()
    branch_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The text of a revision file.

    Attributes:
        note: why the project's template was not used; empty where it was.
    """

    text: bytes
    note: str = field(default="")


def render(
    project: AlembicProject,
    draft: Draft,
    *,
    down_revision: tuple[str, ...],
    create_date: datetime,
) -> Rendered:
    """Render a draft by the project's template, else by a plain one.

    Raises:
        ValueError: the draft itself is not Python; that is a bug.
    """
    text = _at_sight(project, draft, down_revision, create_date)
    if text is not None:
        return Rendered(text=text)
    try:
        module = parse(_plain(draft, draft.constants, down_revision, create_date))
    except SyntaxError as error:
        msg = f"revision {draft.slug} is not Python: {error}"
        raise ValueError(msg) from error
    meant = meaning(module)
    inserted = _module_level(draft, digest_of(meant, draft.facts))
    template = project.directory / "script.py.mako"
    note = f"{template} does not exist"
    if template.is_file():
        try:
            source = _by_template(project, draft, down_revision, create_date)
            made = _insert(source, inserted).encode(project.output_encoding)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            note = f"{template} cannot be used ({reason})"
        else:
            fault = difference(made, expected=meant, draft=draft, down=down_revision)
            if fault is None:
                return Rendered(text=made)
            note = f"{template} was not used: {fault}"
    note += f"; the file of {draft.slug} has tzmigrate's own form"
    plain = _plain(draft, inserted, down_revision, create_date)
    return Rendered(text=plain.encode(), note=note)


def difference(
    text: bytes,
    *,
    expected: Mapping[str, str],
    draft: Draft,
    down: tuple[str, ...],
) -> str | None:
    """Say in what a rendered file differs from what was asked, ``None`` for nothing.

    ``expected`` is the ``meaning`` of what was asked.
    """
    try:
        module = parse(text)
    except (SyntaxError, ValueError) as error:
        return f"what it makes is not Python ({error})"
    return _difference(module, meaning(module), expected, draft, down)


def _difference(
    module: Module,
    meant: Mapping[str, str],
    expected: Mapping[str, str],
    draft: Draft,
    down: tuple[str, ...],
) -> str | None:
    asked = dict(
        zip(
            IDENTIFIERS,
            ((draft.revision,), down, draft.branch_labels, draft.depends_on),
            strict=True,
        )
    )
    for name, value in asked.items():
        read = None
        if name not in module.unreadable:
            read = strings(module.values.get(name))
        if read is None or tuple(read) != tuple(value):
            return f"it leaves {name} out or changes it"
    missing = {"upgrade", "downgrade"} - module.functions()
    if missing:
        return f"it has no {' and no '.join(sorted(missing))}()"
    if meant != expected:
        return "it adds to upgrade() or downgrade(), or changes them"
    if module.values.get(FACTS) is None:
        return f"it leaves {FACTS} out"
    return None


def _at_sight(
    project: AlembicProject,
    draft: Draft,
    down: tuple[str, ...],
    create_date: datetime,
) -> bytes | None:
    """Return the file by the template, where one parse shows that it is right.

    That is so where both functions are, line by line, the draft's: the same lines
    are the same statements, so what they mean need not be found out twice.
    """
    unsigned = _module_level(draft, _UNSIGNED)
    try:
        text = _by_template(project, draft, down, create_date)
        place = _PLACE.search(text)
        if place is None or "\r" in text:
            return None
        above, below = text[: place.start()], f"\n\n\n{text[place.start() :]}"
        made = f"{above}{unsigned}{below}".encode(project.output_encoding)
        module = parse(made)
        lines = decode_source(made).split("\n")
        expected = dict(_meaning_of_constants(draft.constants))
    except Exception:
        return None  # the long way finds the same again, and says it
    said = module.values.get(FACTS)
    if not (isinstance(said, Mapping) and said.get("digest") == _UNSIGNED):
        return None
    meant = meaning(module)
    defined = definitions(module)
    for name, body in (("upgrade", draft.upgrade), ("downgrade", draft.downgrade)):
        if not _is_verbatim(defined.get(name, []), lines, body):
            return None
        expected[name] = meant[name]
    if not _imports_op(module) or _difference(module, meant, expected, draft, down):
        return None
    # The last fact is the digest. Nothing but the text of this constant changes here.
    facts, _, end = unsigned.rpartition(_UNSIGNED)
    digest = digest_of(meant, draft.facts)
    return f"{above}{facts}{digest}{end}{below}".encode(project.output_encoding)


@lru_cache(maxsize=4)
def _meaning_of_constants(source: str) -> Mapping[str, str]:
    """Return what constants mean; most files of a plan have the same."""
    return meaning_of_all(parse(source))


def _is_verbatim(nodes: Sequence[ast.AST], lines: Sequence[str], body: str) -> bool:
    """Tell whether a name stands for one function, whose lines are those of a body.

    Its first statement begins the first of them, indented as there, and its last
    ends the last; so both are cut into the same statements.
    """
    match nodes:
        case [ast.FunctionDef(name=name, decorator_list=[]) as node]:
            first = next((each for each in node.body if not does_nothing(each)), None)
        case _:
            return False
    if first is None or first.col_offset != len(_INDENT):
        return False
    head, made = lines[node.lineno - 1], lines[first.lineno - 1 : node.end_lineno]
    asked = f"{_INDENT}{_first_line_flush(body)}".split("\n")
    return head in {f"def {name}():", f"def {name}() -> None:"} and made == asked


def _by_template(
    project: AlembicProject,
    draft: Draft,
    down_revision: tuple[str, ...],
    create_date: datetime,
) -> str:
    # Bodies and message are values: mako does not look for ${} or % in them.
    path = project.directory / "script.py.mako"
    text = _compiled(str(path), path.stat().st_mtime_ns).render_unicode(
        up_revision=draft.revision,
        down_revision=tuple_rev_as_scalar(down_revision),
        branch_labels=draft.branch_labels or None,
        depends_on=tuple_rev_as_scalar(draft.depends_on),
        create_date=create_date,
        comma=format_as_comma,
        message=one_line(draft.message),
        config=project.config(),
        upgrades=_first_line_flush(draft.upgrade),
        downgrades=_first_line_flush(draft.downgrade),
        imports="",
    )
    return str(text)


@lru_cache(maxsize=1)
def _compiled(path: str, changed: int) -> Template:
    """Return a template, compiled once for all the files of a plan."""
    del changed
    return Template(filename=path)  # noqa: S702 - makes Python, not HTML


def _first_line_flush(body: str) -> str:
    return body.removeprefix(_INDENT).rstrip("\n") or "pass"


def _plain(
    draft: Draft, source: str, down: tuple[str, ...], create_date: datetime
) -> str:
    """Return tzmigrate's own form of a revision file, with what its functions use."""
    values = dict(
        zip(
            IDENTIFIERS,
            (
                draft.revision,
                tuple_rev_as_scalar(down),
                draft.branch_labels or None,
                tuple_rev_as_scalar(draft.depends_on),
            ),
            strict=True,
        )
    )
    identifiers = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    return "\n".join(
        [
            f'"""{one_line(draft.message)}',
            "",
            f"Revision ID: {draft.revision}",
            f"Revises: {format_as_comma(down)}".rstrip(),
            f"Create Date: {create_date}",
            '"""',
            "",
            "from alembic import op",
            "",
            identifiers,
            "",
            "",
            *([source.strip("\n"), "", ""] if source else []),
            "def upgrade() -> None:",
            f"{_INDENT}{_first_line_flush(draft.upgrade)}",
            "",
            "",
            "def downgrade() -> None:",
            f"{_INDENT}{_first_line_flush(draft.downgrade)}",
            "",
        ]
    )


def _insert(text: str, source: str) -> str:
    """Put source above the first of the two functions, and import ``op`` if needed."""
    # The same line ends as Python's own; a form feed or U+2028 does not end a line.
    lines = re.split(r"\r\n|\r|\n", text)
    module = parse(text)
    starts = [
        min([node.lineno, *(each.lineno for each in node.decorator_list)])
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef) and node.name in {"upgrade", "downgrade"}
    ]
    at = min(starts, default=len(lines) + 1) - 1
    while at > 0 and lines[at - 1].startswith("#"):
        at -= 1
    wanted = [] if _imports_op(module) else ["from alembic import op", ""]
    if source:
        wanted += [*source.strip("\n").split("\n"), "", ""]
    return "\n".join([*lines[:at], *wanted, *lines[at:]])


def _imports_op(module: Module) -> bool:
    return any(
        (alias.asname or alias.name) == "op"
        for node in module.tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def _module_level(draft: Draft, digest: str) -> str:
    facts = {**draft.facts, "digest": digest}
    said = (
        "# What this revision was written for; tzmigrate reads it, Alembic does not.\n"
        f"{FACTS} = {render_literal(facts)}"
    )
    constants = draft.constants.strip("\n")
    return f"{constants}\n\n{said}" if constants else said


def one_line(message: str) -> str:
    r"""Make any text safe inside a docstring or comment of any template.

    >>> print(one_line('convert "a' + chr(10) + '"'))
    convert 'a\\u000a'
    """
    visible = "".join(
        char if char.isprintable() else f"\\u{ord(char):04x}" for char in message
    )
    quoted = re.sub(r"[\"']+", "'", visible.replace("\\", "\\\\"))
    return quoted.strip() or "convert to timestamptz"
