"""The shadow is dropped beside other work: an interrupted plan waits for it, too."""

import os
import signal
import time
from contextlib import ExitStack

import pytest

from tzmigrate.postgres.shadow import closing_beside


@pytest.mark.parametrize("seconds_of_work", [0, 1])
def test_an_interrupt_does_not_leave_the_shadow_behind(seconds_of_work: int) -> None:
    dropped = []

    def drop() -> None:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        dropped.append(True)

    def work() -> None:
        with closing_beside() as close:
            stack = ExitStack()
            stack.callback(drop)
            close(stack)
            time.sleep(seconds_of_work)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert dropped
