"""Encryption by ``age`` or ``gpg``: what passes through is never plain on the disk."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tzmigrate.errors import Refused

_AGE = re.compile(r"age1|ssh-(?:ed25519|rsa) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """How a backup is encrypted.

    Attributes:
        program: ``age`` or ``gpg``.
        recipient: whom for: an age or SSH public key, or what names a key of gpg.
        identity: the file with the private key, for age.
    """

    program: str
    recipient: str
    identity: Path | None = None

    @classmethod
    def of(cls, recipient: str, identity: Path | None = None) -> "Seal":
        """Choose the program for a recipient."""
        program = "age" if _AGE.match(recipient) else "gpg"
        return cls(program=program, recipient=recipient, identity=identity)

    @property
    def suffix(self) -> str:
        """What the names of encrypted files end with."""
        return f".{self.program}"


def seal_for(recipient: str) -> Seal:
    """Choose the program for a recipient, and see that it works.

    Raises:
        Refused: the program is missing, or does not know the recipient.
    """
    seal = Seal.of(recipient)
    program = seal.program
    _require(program)
    # a typo shall be found before an hour of dumping
    done = subprocess.run(
        _encrypting(seal), input=b"", capture_output=True, check=False
    )
    if done.returncode:
        raise Refused(
            "TZ673",
            f"{program} cannot encrypt to {recipient!r}",
            detail=_words(done.stderr),
            hint="Check the recipient: an age public key (age1…), an SSH public key, or"
            " a key that gpg --list-keys shows.",
        )
    return seal


def require_identity(seal: Seal, path: Path) -> None:
    """See that there is a key to decrypt with.

    Raises:
        Refused: there is none for age; gpg has its own.
    """
    if seal.program == "age" and seal.identity is None:
        raise Refused(
            "TZ674",
            f"{path} is encrypted with age, and no identity was given",
            hint="Name the file with your private key: --identity FILE, or identity "
            "under [backup] in tzmigrate.toml.",
        )


@contextmanager
def sealed(out: IO[bytes], seal: Seal | None) -> Iterator[IO[bytes]]:
    """Give a pipe whose contents reach a file encrypted; without a seal, the file.

    Raises:
        Refused: the program failed.
    """
    if seal is None:
        yield out
        return
    with subprocess.Popen(
        _encrypting(seal),
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=subprocess.PIPE,
    ) as process:
        if process.stdin is None or process.stderr is None:
            raise AssertionError
        try:
            yield process.stdin
            process.stdin.close()
            said = process.stderr.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Refused(
            "TZ673",
            f"{seal.program} failed while it encrypted",
            detail=_words(said),
            hint="Nothing was kept of the backup. Mend what it says, and try again.",
        )


@contextmanager
def opened(path: Path, seal: Seal) -> Iterator[IO[bytes]]:
    """Give what an encrypted file holds, as a stream.

    Raises:
        Refused: the program or the key is missing.
    """
    _require(seal.program)
    argv = ["gpg", "--batch", "--quiet", "--decrypt", str(path)]
    require_identity(seal, path)
    if seal.program == "age":
        argv = ["age", "--decrypt", "--identity", str(seal.identity), str(path)]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise AssertionError
        try:
            yield process.stdout
            process.stdout.close()
            said = process.stderr.read()
        except BaseException:
            process.kill()
            raise
    # who reads only the beginning breaks the pipe, which is no failure
    if process.returncode > 0 and b"roken pipe" not in said:
        raise Refused(
            "TZ685",
            f"{path} cannot be decrypted",
            detail=_words(said),
            hint="Use the machine and the key that it was encrypted for.",
        )


def _encrypting(seal: Seal) -> list[str]:
    if seal.program == "age":
        return ["age", "--encrypt", "--recipient", seal.recipient]
    return [
        *("gpg", "--batch", "--quiet", "--no-tty", "--trust-model", "always"),
        # an archive is compressed already
        *("--compress-algo", "none", "--encrypt", "--recipient", seal.recipient),
    ]


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise Refused(
            "TZ672",
            f"{program} is not on PATH",
            hint=f"Install {program} (on Debian and Ubuntu: apt install "
            f"{'age' if program == 'age' else 'gnupg'}), or leave --encrypt-to out.",
        )


def _words(said: bytes) -> str:
    return said.decode(errors="replace").strip()
