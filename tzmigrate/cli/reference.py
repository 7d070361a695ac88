"""Write the reference pages that are made from the code.

Run it as ``python -m tzmigrate.cli.reference`` in the repository.

They are kept in the repository, and a test compares them with the code.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import typer

from tzmigrate.cli.app import app
from tzmigrate.reporting.documents import DOCUMENTS, json_schema

_WIDTH = 78
"""What a terminal of 80 columns and more gets."""
_HEAD = """\
# The command line

This page is made from the program: `python -m tzmigrate.cli.reference`.

The options of a command stand after its name. Results go to stdout, all else to
stderr. How a command ends: [exit statuses](exit-statuses.md). What `--format json`
prints is described by JSON Schemas: {schemas}.
"""


def pages() -> dict[str, str]:
    """Return each page by its file name."""
    schemas = {
        f"{name}.schema.json": json.dumps(json_schema(name), indent=2) + "\n"
        for name in DOCUMENTS
    }
    return {"cli.md": _cli(schemas), **schemas}


def helps() -> Iterator[tuple[str, str]]:
    """Yield each command, from ``tzmigrate`` on, with its help."""
    group = typer.main.get_command(app)
    with group.make_context(
        "tzmigrate", [], resilient_parsing=True, terminal_width=_WIDTH
    ) as top:
        yield "tzmigrate", group.get_help(top)
        yield from _below("tzmigrate", group, top)


def groups() -> set[str]:
    """Return the commands that only hold others, such as ``tzmigrate backup``."""
    commands = vars(typer.main.get_command(app))["commands"]
    return {f"tzmigrate {name}" for name, one in commands.items() if _held(one)}


def write(directory: Path) -> None:
    """Write every page into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")


def _below(path: str, group: Any, above: Any) -> Iterator[tuple[str, str]]:
    for name, command in _held(group).items():
        with command.make_context(
            name, [], parent=above, resilient_parsing=True
        ) as context:
            yield f"{path} {name}", command.get_help(context)
            yield from _below(f"{path} {name}", command, context)


def _held(group: Any) -> Mapping[str, Any]:
    # typer's group has it, its declared type does not
    return cast("Mapping[str, Any]", vars(group).get("commands", {}))


def _cli(schemas: Mapping[str, str]) -> str:
    links = ", ".join(f"[{name.partition('.')[0]}]({name})" for name in schemas)
    parts = [_HEAD.format(schemas=links)]
    for name, text in helps():
        parts.append(
            f"## {name}\n\n```console\n$ {name} --help\n{text.rstrip()}\n```\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
