"""Hold one embedded server, and end it when whoever started it is gone.

Run as a script (``python -I -S keeper.py SPEC``) by ``embedded.py``. The keeper
is the server's parent, and its standard input is a pipe whose other end only the
starter has. However the starter ends (return, Ctrl-C, SIGTERM, SIGKILL), the
kernel closes that pipe; the keeper then stops the server and removes its files.

The alternative, ``PR_SET_PDEATHSIG`` in the server itself, exists on Linux only,
follows the thread rather than the process that forked, and removes no files. The
keeper runs in a session of its own, so that Ctrl-C in a terminal reaches the
starter alone. It imports nothing of tzmigrate.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys

_POLL_SECONDS = 0.2
_STOP_SECONDS = 20


def _keep(spec: dict[str, object]) -> int:
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    argv = spec["argv"]
    if not isinstance(argv, list):
        return 2
    owner = spec["owner"]
    identity: dict[str, object] = {}
    if isinstance(owner, list):
        identity = {"user": owner[0], "group": owner[1], "extra_groups": []}
    with open(str(spec["log"]), "ab") as log:  # noqa: PTH123  few imports, quick start
        server = subprocess.Popen(  # type: ignore[call-overload]  # optional identity
            argv,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **identity,
        )
    while server.poll() is None and not stopped:
        readable, _, _ = select.select([0], [], [], _POLL_SECONDS)
        if readable and not os.read(0, 1):
            stopped.append(0)
    if not stopped:
        # the server ended by itself: the starter wants to read the log
        return int(server.returncode)
    status = _stop(server, int(str(spec["stop_signal"])))
    shutil.rmtree(str(spec["remove"]), ignore_errors=True)
    return status


def _stop(server: "subprocess.Popen[bytes]", number: int) -> int:
    if server.poll() is None:
        server.send_signal(number)
    try:
        return server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # SIGQUIT takes the backends down as well, which SIGKILL would not
        server.send_signal(signal.SIGQUIT)
        return server.wait()


if __name__ == "__main__":
    sys.exit(_keep(json.loads(sys.argv[1])))
