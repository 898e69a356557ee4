#!/usr/bin/env python3
"""Runs a build by ninja and shows how far it is: "building: 120 of 294 steps, about 4 min left".

Usage: build_progress.py COMMAND…    as in: build_progress.py cmake --build --preset release

On a terminal one line shows the state and is written over. Elsewhere, as in the log of a CI, a line comes every half
minute. What the compiler says passes through. Ends with the exit status of the command.
"""

import os
import re
import subprocess
import sys
import time

STATUS = re.compile(r"^@@(\d+) (\d+)@@ ")
LOG_INTERVAL = 30.0  # Seconds between two lines where there is no terminal.
FEW_STEPS = 8  # A build of so few steps needs no words.


def left(done: int, total: int, elapsed: float) -> str:
    """The time that the remaining steps will take if they are like those that are done."""
    seconds = elapsed / done * (total - done)
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {max(1, round(seconds))} s left"


class Progress:
    """Shows the state of the build on standard output."""

    def __init__(self):
        self._terminal = sys.stdout.isatty()
        self._begin = time.monotonic()
        self._shown = self._begin
        self._dirty = False  # A line without its end is on the terminal.

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if total <= FEW_STEPS or (not self._terminal and now - self._shown < LOG_INTERVAL):
            return
        self._shown = now
        text = f"building: {done} of {total} steps, {left(done, total, now - self._begin)}"
        if self._terminal:
            print(f"\r\033[K{text}", end="", flush=True)
            self._dirty = True
        else:
            print(text, flush=True)

    def clear(self) -> None:
        if self._dirty:
            print("\r\033[K", end="", flush=True)
            self._dirty = False


def main() -> int:
    environment = os.environ | {"NINJA_STATUS": "@@%f %t@@ "}
    progress = Progress()
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True, errors="replace", env=environment) as build:
        for line in build.stdout:
            state = STATUS.match(line)
            if state:
                progress.show(int(state[1]), int(state[2]))
            elif line.strip() != "ninja: no work to do.":
                progress.clear()
                print(line, end="", flush=True)
    progress.clear()
    return build.returncode


if __name__ == "__main__":
    sys.exit(main())
