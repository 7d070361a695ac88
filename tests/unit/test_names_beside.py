"""Names that databases and schemas get beside others."""

from datetime import UTC, datetime

from tzmigrate.backup.scene import free_name

NOW = datetime(2026, 3, 8, 7, 5, 9, tzinfo=UTC)


def test_a_name_that_is_taken_gets_a_number() -> None:
    first = free_name("shop", NOW, ())
    assert first == "shop_restored_20260308_070509"
    second = free_name("shop", NOW, {first})
    assert second == f"{first}_2"
    assert free_name("shop", NOW, {first, second}) == f"{first}_3"


def test_a_long_name_keeps_its_end_within_63_bytes() -> None:
    long = "ü" * 31
    first = free_name(long, NOW, (), "before_restore")
    second = free_name(long, NOW, {first}, "before_restore")
    assert first.endswith("ü_before_restore_20260308_070509")
    assert second.endswith("ü_before_restore_20260308_070509_2")
    assert len(first.encode()) <= 63
    assert len(second.encode()) <= 63
