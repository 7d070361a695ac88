"""A page of text: lines, paragraphs and tables, all made safe at one gate."""

import io
import os
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from tzmigrate.reporting.visible import visible

Cell = str | tuple[str, str]
"""Text, or text with a style."""

_WIDTH = 120
_FOLDED = 400
"""Rich measures and folds each cell, a millisecond a row: too slow for thousands."""


def make_console(file: TextIO, *, styled: bool | None = None) -> Console:
    """Make a console on which text is only text.

    Args:
        file: where it prints.
        styled: ``False`` for no colours; ``None`` for what the terminal can do, as
            ``NO_COLOR`` and ``FORCE_COLOR`` say.
    """
    console = Console(
        file=file,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
        force_terminal=styled,
        force_jupyter=False,
    )
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = _WIDTH
    return console


class Page:
    """Collects a report and prints it.

    Every string passes :func:`visible` on its way in, so that nothing which a
    database says reaches the terminal raw.
    """

    def __init__(self, width: int = _WIDTH) -> None:
        self._width = width
        self._parts: list[RenderableType] = []
        self._segments: list[Segment] = []

    def line(self, text: str = "", style: str = "") -> None:
        """Add one line, never folded."""
        self._segment(visible(text), style)
        self._segments.append(Segment.line())

    def title(self, text: str) -> None:
        """Add a heading, with an empty line above unless it is the first."""
        if self._parts or self._segments:
            self.line()
        self.line(text, "bold")

    def paragraph(
        self, text: str, *, lead: str = "", indent: int = 0, style: str = ""
    ) -> None:
        """Add a folded text.

        Args:
            text: what is folded.
            lead: what stands before it on its first line, such as a code.
            indent: where the text begins on every line.
            style: of the lead, or of the text where there is none.
        """
        lead = visible(lead)
        room = max(self._width - indent, 40)
        folded = textwrap.wrap(visible(text), room, break_on_hyphens=False) or [""]
        first, *others = folded
        self._segment(lead.ljust(indent), style if lead.strip() else "")
        self._segment(first, "" if lead.strip() else style)
        self._segments.append(Segment.line())
        for other in others:
            self._segment(" " * indent + other, "" if lead.strip() else style)
            self._segments.append(Segment.line())

    def table(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        *,
        right: frozenset[int] = frozenset(),
        whole: frozenset[int] = frozenset(),
    ) -> None:
        """Add a table.

        Args:
            headers: one for each column.
            rows: the cells.
            right: numbers of the columns whose cells end at the right.
            whole: those whose cells are copied and so are never folded.
        """
        safe = [[_safe(cell) for cell in row] for row in rows]
        if len(safe) > _FOLDED:
            self._plain_table(headers, safe, right)
            return
        self._flush()
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=False)
        for number, header in enumerate(headers):
            justify = "right" if number in right else "left"
            table.add_column(
                header,
                justify=justify,  # type: ignore[arg-type]  # one of rich's words
                overflow="fold",
                no_wrap=number in whole,
                header_style="dim",
            )
        for row in safe:
            table.add_row(*(Text(text, style=style) for text, style in row))
        self._parts.append(table)

    def print(self, console: Console) -> None:
        """Print all that was added."""
        self._flush()
        for part in self._parts:
            console.print(part, end="", soft_wrap=isinstance(part, Segments))

    def _plain_table(
        self,
        headers: Sequence[str],
        rows: Sequence[Sequence[tuple[str, str]]],
        right: frozenset[int],
    ) -> None:
        everything = [[(header, "dim") for header in headers], *rows]
        columns = list(zip(*everything, strict=True))
        widths = [max(cell_len(text) for text, _ in column) for column in columns]
        for row in everything:
            # what has no style is joined: one segment a line is quick, fourteen not
            plain = ""
            for number, (text, style) in enumerate(row):
                gap = " " * (widths[number] - cell_len(text))
                if number in right:
                    plain += gap
                if style and text:
                    self._segment(plain, "")
                    self._segment(text, style)
                    plain = ""
                else:
                    plain += text
                plain += "  " if number in right else gap + "  "
            self._segment(plain.rstrip() + "\n", "")

    def _segment(self, text: str, style: str) -> None:
        if text:
            self._segments.append(Segment(text, _style(style)))

    def _flush(self) -> None:
        if self._segments:
            self._parts.append(Segments(self._segments))
            self._segments = []


def printed(page: Page, *, styled: bool = False, width: int | None = None) -> str:
    """Return a page as text, with colours only where ``styled`` and wanted."""
    buffer = io.StringIO()
    console = make_console(buffer, styled=styled)
    if width is not None:
        console.width = width
    page.print(console)
    return buffer.getvalue()


def _safe(cell: Cell) -> tuple[str, str]:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return visible(text), style


def _style(style: str) -> Style | None:
    return Style.parse(style) if style else None
