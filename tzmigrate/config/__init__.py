"""What the user has settled: zones, policy, filters, where Alembic stands."""

from pathlib import Path

from tzmigrate.config.globs import match_zone, parse_pattern
from tzmigrate.config.model import (
    Alembic,
    ByColumn,
    Config,
    Domains,
    Eras,
    Gap,
    Keep,
    Meaning,
    Overlap,
    Policy,
    Precision,
    ProofLevel,
    ScanFilter,
    ShadowServer,
    Sql,
    SqlStyle,
    Using,
    Views,
    ZoneRule,
)
from tzmigrate.config.options import check_accepted, with_zone_options

__all__ = [
    "Alembic",
    "ByColumn",
    "Config",
    "Domains",
    "Eras",
    "Gap",
    "Keep",
    "Meaning",
    "Overlap",
    "Policy",
    "Precision",
    "ProofLevel",
    "ScanFilter",
    "ShadowServer",
    "Sql",
    "SqlStyle",
    "Using",
    "Views",
    "ZoneRule",
    "check_accepted",
    "load_config",
    "match_zone",
    "parse_pattern",
    "with_zone_options",
]


def load_config(file: Path | None = None, *, directory: Path | None = None) -> Config:
    """Read ``tzmigrate.toml`` or ``[tool.tzmigrate]``; defaults where neither exists.

    Args:
        file: what ``--config`` names; else the first file found in ``directory`` and
            its parents, up to the one that holds ``.git``.
        directory: where to start; the working directory by default.

    Raises:
        UsageError: the file cannot be read, or says something that we do not know.
    """
    # pydantic takes longer to import than all the rest, and --help needs none of it
    from tzmigrate.config.load import read_config  # noqa: PLC0415

    return read_config(file, directory=directory)
