"""What is said of the place that a backup is copied to."""

import pytest

from tzmigrate.backup.uploading import _shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("s3://bucket/path", "s3://bucket/path"),
        ("sftp://ann:hunter2@host/x", "sftp://ann:…@host/x"),
        ("sftp://ann:hun@ter2@host/x", "sftp://ann:…@host/x"),
        ("ftp://:hunter2@host", "ftp://:…@host"),
        (
            "abfs://safe@shop.dfs.core.windows.net/x",
            "abfs://safe@shop.dfs.core.windows.net/x",
        ),
        ("https://host/x?sig=hunter2&a=b", "https://host/x"),
        (
            "no route to sftp://ann:hunter2@host/x, 'https://host/x?sig=hunter2'",
            "no route to sftp://ann:…@host/x, 'https://host/x'",
        ),
    ],
)
def test_passwords_and_parameters_are_left_out(said: str, shown: str) -> None:
    assert _shown(said) == shown
