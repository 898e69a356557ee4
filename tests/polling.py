"""Waiting for events with a deadline, in place of sleeps of a guessed length."""

import time

GENEROUS = 60.0
"""Seconds that nothing on a healthy machine comes near: sanitizers, one busy core."""


def wait_until(condition, what, timeout=GENEROUS):
    """Returns the first true value of condition(); fails, naming `what` (text, or a function that makes it)."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'waited {timeout:.0f} s in vain for {what() if callable(what) else what}')
        time.sleep(0.01)
