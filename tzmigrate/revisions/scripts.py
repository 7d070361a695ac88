"""A script as text: how it is written into a file, signed, and read back."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tzmigrate.errors import UsageError
from tzmigrate.revisions import wire
from tzmigrate.revisions.ours import OurRevision, ours_of
from tzmigrate.revisions.render import Script, Statement
from tzmigrate.revisions.source import Literal, digest_of

MARK = "tzmigrate: "
"""What a comment begins with that holds what a script says of itself."""

_SAID = re.compile(rf"^(?:--|#) {MARK}(.*)$", re.MULTILINE)

_TOKEN = re.compile(
    r"""--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|;""",
    re.DOTALL,
)
"""What may hold a semicolon, and the semicolon; there is nothing else in our SQL."""

_COMMENTS = re.compile(r"\s*(?:--[^\n]*\n\s*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A script as a directory holds it.

    Attributes:
        name: of the file that runs up, without what its style adds.
        files: the one that runs up first.
        said: what each file says of the script, which is the same.
    """

    name: str
    files: tuple[Path, ...]
    said: tuple[str, ...]
    up: tuple[Statement, ...]
    down: tuple[Statement, ...]

    @property
    def path(self) -> Path:
        """The file that runs up."""
        return self.files[0]


def signed(script: Script) -> str:
    """Return what a script says of itself: one line of JSON, with its digest."""
    facts = {
        **script.facts,
        "revision": script.revision,
    }
    facts["digest"] = _digest(script.up, script.down, facts)
    # in ASCII, so that nothing ends the line or hides in it
    return json.dumps(facts, ensure_ascii=True)


def read_script(stored: Stored, *, after: str | None) -> OurRevision:
    """Return what a script says of itself, and whether that is what it still does.

    Args:
        stored: as the directory holds it.
        after: the script that runs before it.

    Raises:
        UsageError: what it says cannot be read.
    """
    try:
        facts = _read_facts(stored.said[0])
    except ValueError as error:
        raise UsageError(
            "TZ234",
            f"cannot read what {stored.path} says of itself",
            detail=f"{error}.",
            hint="Restore the file from version control.",
        ) from error
    same = all(said == stored.said[0] for said in stored.said)
    return ours_of(
        facts,
        revision=str(facts["revision"]),
        down_revision=() if after is None else (after,),
        path=stored.path,
        edited=not same
        or facts.get("digest") != _digest(stored.up, stored.down, facts),
    )


def said_in(text: str) -> str | None:
    """Return what the script in a file says of itself; ``None``: it is not ours."""
    found = _SAID.search(text)
    return found[1].strip() if found else None


def after_head(text: str) -> str:
    """Return what stands below the line in which a script speaks of itself."""
    found = _SAID.search(text)
    return text[found.end() :] if found else text


def comment(lines: Iterable[str], mark: str = "--") -> str:
    """Return lines as comments, each of which stays one line."""
    return "".join(f"{mark} {wire.comment(line)}".rstrip() + "\n" for line in lines)


def head(title: str, how: Sequence[str], said: str, mark: str = "--") -> str:
    """Return the comment at the top of a file.

    Args:
        title: what the script does.
        how: how it is run and taken back, in lines.
        said: what ``signed`` returned.
        mark: what begins a comment.
    """
    lines = [
        title,
        "",
        *how,
        "All of it has to run in one transaction, or it refuses to (TZ643).",
        "",
        "What it was written for; tzmigrate reads the next line.",
    ]
    return f"{comment(lines, mark)}{mark} {MARK}{said}\n"


def sql_of(statements: Iterable[Statement]) -> str:
    """Return statements as SQL for psql, each ended by a semicolon."""
    return "\n".join(
        f"{comment(s.note.splitlines()) if s.note else ''}{s.sql};\n"
        for s in statements
    )


def split(text: str) -> tuple[Statement, ...]:
    r"""Split SQL that ``sql_of`` made into its statements, and the notes above them.

    >>> split("-- why\nSELECT ';';\nDO $tz$ BEGIN; END $tz$;")[0]
    Statement(sql="SELECT ';'", note='why')
    """
    found, start = [], 0
    for token in _TOKEN.finditer(text):
        if token[0] == ";":
            found.append(_statement(text[start : token.start()]))
            start = token.end()
    rest = _statement(text[start:])
    return (*found, rest) if rest.sql else tuple(found)


def _statement(text: str) -> Statement:
    comments = _COMMENTS.match(f"{text}\n")
    end = min(comments.end(), len(text)) if comments else 0
    notes = [line.strip().removeprefix("--") for line in text[:end].splitlines()]
    note = "\n".join(line.strip() for line in notes if line.strip())
    return Statement(text[end:].strip(), note)


def _digest(
    up: Sequence[Statement], down: Sequence[Statement], facts: Mapping[str, object]
) -> str:
    meant = {"upgrade": _meaning(up), "downgrade": _meaning(down)}
    return digest_of(meant, facts)


def _meaning(statements: Sequence[Statement]) -> str:
    """Return what statements do: comments above them and ends of lines do not count."""
    return json.dumps([_plain(_statement(s.sql).sql) for s in statements])


def _plain(sql: str) -> str:
    return "\n".join(line.rstrip() for line in sql.replace("\r\n", "\n").split("\n"))


def _read_facts(said: str) -> Mapping[str, Literal]:
    """Read facts from JSON.

    Raises:
        ValueError: it is no JSON object, or lacks what every script says.
    """
    facts = json.loads(said, object_hook=dict)
    if not isinstance(facts, dict):
        msg = "it is not a JSON object"
        raise ValueError(msg)  # noqa: TRY004 - the text is wrong, not the type of ours
    missing = {"version", "kind", "step", "revision"} - set(facts)
    if missing:
        msg = f"it lacks {', '.join(sorted(missing))}"
        raise ValueError(msg)
    return {name: _frozen(value) for name, value in facts.items()}


def _frozen(value: object) -> Literal:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return value  # type: ignore[return-value] # JSON has nothing else
