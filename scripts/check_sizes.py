#!/usr/bin/env python3
"""Warns of source files over 400 lines and fails over 600: one idea a file."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WARN, FAIL = 400, 600

# Longer files, each with its reason.
EXCEPTIONS: dict[str, str] = {}


def main() -> int:
    names = subprocess.run(["git", "ls-files", "*.h", "*.cc", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True)
    status = 0
    for name in names.stdout.split():
        lines = len((ROOT / name).read_text().splitlines())
        if lines > FAIL and name not in EXCEPTIONS:
            print(f"{name}: {lines} lines, more than {FAIL}: split it")
            status = 1
        elif lines > WARN:
            print(f"{name}: {lines} lines: does it hold one idea?")
    print("sizes: done")
    return status


if __name__ == "__main__":
    sys.exit(main())
