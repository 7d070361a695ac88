"""From the options of a verb to what the verbs take."""

from pathlib import Path

from tzmigrate.cli.options import Choice, Common, Format, Project, Style


def examples(first: str, second: str) -> str:
    """Lay out two examples below the options."""
    return f"\b\nExamples:\n  {first}\n  {second}"


def common_of(
    url: str | None,
    config: Path | None,
    format_: Format | None,
    output: Path | None,
    *,
    quiet: bool,
    verbose: int,
) -> Common:
    """Return what every verb has."""
    return Common(
        url=url,
        config=config,
        format=format_ or _format_of(output),
        output=output,
        quiet=quiet,
        verbose=verbose,
    )


def _format_of(output: Path | None) -> Format:
    suffix = "" if output is None else output.suffix.lower()
    formats = {
        ".json": Format.JSON,
        ".md": Format.MARKDOWN,
        ".markdown": Format.MARKDOWN,
    }
    return formats.get(suffix, Format.TEXT)


def choice_of(
    schemas: list[str] | None, tables: list[str] | None, excludes: list[str] | None
) -> Choice:
    """Return which columns are meant."""
    return Choice(
        schemas=tuple(schemas or ()),
        tables=tuple(tables or ()),
        excludes=tuple(excludes or ()),
    )


def project_of(
    ini: Path | None,
    directory: Path | None,
    name: str,
    x_arguments: list[str] | None,
    version_paths: list[Path] | None = None,
    *,
    sql: Path | None = None,
    style: Style | None = None,
) -> Project:
    """Return where the Alembic project is, or the SQL scripts are."""
    return Project(
        ini=ini,
        directory=directory,
        name=name,
        x_arguments=tuple(x_arguments or ()),
        sql=sql,
        style=style,
        version_paths=tuple(version_paths or ()),
    )
