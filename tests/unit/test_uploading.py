"""What is said of the place that a backup is copied to."""

from pathlib import Path

import pytest

from tzmigrate.backup.uploading import _shown, check_destination
from tzmigrate.errors import UsageError


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("s3://bucket/path", "s3://bucket/path"),
        ("sftp://ann:hunter2@host/x", "sftp://ann:…@host/x"),
        ("sftp://ann:hun@ter2@host/x", "sftp://ann:…@host/x"),
        ("sftp://ann:hun/ter2@host/x", "sftp://ann:…@host/x"),
        ("s3://AKIA:abc/def@bucket/x", "s3://AKIA:…@bucket/x"),
        ("ftp://:hunter2@host", "ftp://:…@host"),
        ("sftp://ann@corp.com:hunter2@host/x", "sftp://ann@corp.com:…@host/x"),
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


def test_what_is_no_directory_or_bucket_is_a_slip_of_the_pen(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for url in (
        f"file://{tmp_path}/file",
        f"file://{tmp_path}/file/below",
        "s3://",
        "s3:///x/y",
    ):
        with pytest.raises(UsageError) as caught:
            check_destination(url)
        assert caught.value.code == "TZ295", url
