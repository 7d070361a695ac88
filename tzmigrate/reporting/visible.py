"""Text from a database, made safe for a terminal, a report or a log."""


def visible(text: object) -> str:
    r"""Show control characters as escapes, so that no name can steer a terminal.

    Whatever does not print is escaped: C0 and C1 controls, line ends, bidirectional
    overrides, zero-width characters, lone surrogates.

    >>> print(visible("a\x1b[31mb\nc"))
    a\x1b[31mb\nc
    >>> print(visible("a\u202eb"), visible("Straße"))
    a\u202eb Straße
    """
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() else _escape(c) for c in plain)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
