"""Backups that are copied to a store of objects, which is spoken to as S3 is."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from tests.acceptance.test_backup import made
from tests.acceptance.test_backup_trouble import shell, shop

__all__ = ["shell", "shop"]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store on this machine, as its own client sees it, with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()
        # what it holds outlives the server
        urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST"))
        client = boto3.client("s3")
        client.create_bucket(Bucket="safe")
        yield client
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


def held(store: Any) -> dict[str, str]:
    """Return the digest of each object in the bucket."""
    found = store.list_objects_v2(Bucket="safe").get("Contents", [])
    return {
        one["Key"]: hashlib.sha256(
            store.get_object(Bucket="safe", Key=one["Key"])["Body"].read()
        ).hexdigest()
        for one in found
    }


def files(directory: Path) -> dict[str, str]:
    """Return the digest of each file below a directory."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_file_is_in_the_bucket_and_nothing_else(
    jobs: str, store: Any, shop: Any, shell: Any, tmp_path: Path
) -> None:
    create = ("backup", "create", "--url", shop.url, "--jobs", jobs)
    done = shell.main(*create, "--upload", "s3://safe/backups")
    assert done.status == 0, done.err
    path = made(tmp_path)
    assert f"s3://safe/backups/{path.name}" in done.out + done.err
    assert held(store) == {
        f"backups/{path.name}/{name}": digest for name, digest in files(path).items()
    }


def test_a_bucket_is_never_made(
    store: Any, shop: Any, shell: Any, tmp_path: Path
) -> None:
    """A bucket made in passing lies where, and is read by whom, nobody chose."""
    create = ("backup", "create", "--url", shop.url, "--upload")
    shell.main(*create, "s3://saef/backups").is_error(2, "TZ295", "s3://saef", "bucket")
    assert [b["Name"] for b in store.list_buckets()["Buckets"]] == ["safe"]
    assert not (tmp_path / "backups").exists()


def test_a_store_that_is_not_there_is_said_before_the_dump(
    store: Any,
    shop: Any,
    shell: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = shell.main("backup", "create", "--url", shop.url, "--upload", "s3://safe/x")
    done.is_error(5, "TZ515", "s3://safe/x", "127.0.0.1:9")
    assert not (tmp_path / "backups").exists()
