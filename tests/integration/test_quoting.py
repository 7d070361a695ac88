"""Names are written so that the server reads them as they are."""

from typing import Any

from tzmigrate.postgres import quoting
from tzmigrate.postgres.quoting import readable_identifier


def test_no_key_word_of_the_server_is_written_bare(database: Any) -> None:
    words = database.execute("SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'")
    bare = {word for (word,) in words if readable_identifier(word) == word}
    assert bare == set()
    assert len(quoting._KEY_WORDS) >= len(words)


def test_what_is_written_bare_is_what_quote_ident_writes_bare(database: Any) -> None:
    names = ["orders", "user", "timestamp", "Order", "a b", "1st", "_x", "day", "é"]
    for name in names:
        (quoted,) = database.execute("SELECT quote_ident(%s)", [name])[0]
        assert readable_identifier(name) == quoted
