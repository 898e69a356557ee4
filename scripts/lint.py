#!/usr/bin/env python3
"""clang-tidy over src/, on the files whose preprocessed text changed since it last passed.

Usage: lint.py [--minutes N] [FILE…]   Default: every .cc of src/ but the tests, which their macros make slow and noisy.
--minutes N: starts no file after that time, and says how many it left out; what changed last comes first.

What passed is remembered in the user's cache folder, so that a new checkout of the same sources costs little. Needs the compilation database of
the release preset.
"""

import argparse
import concurrent.futures
import enum
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATABASE = ROOT / "build" / "release"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "accelerd-lint"
TIDY = "clang-tidy-19"


class Result(enum.Enum):
    PASSED = enum.auto()
    FAILED = enum.auto()
    LEFT_OUT = enum.auto()


def configuration(file: str) -> bytes:
    """The rules for a file, those of its folder included."""
    folders = [folder for folder in pathlib.Path(file).parents if folder.is_relative_to(ROOT)]
    return b"".join((folder / ".clang-tidy").read_bytes() for folder in folders if (folder / ".clang-tidy").exists())


def preprocessed(entry: dict) -> bytes:
    """The text that the compiler sees, without line markers: it names no folder of this machine."""
    words = shlex.split(entry["command"])
    compiler = next(i for i, word in enumerate(words) if pathlib.Path(word).name.startswith(("c++", "g++", "clang++")))
    command = [word for word in words[compiler:] if word != "-c"]
    command[command.index("-o") : command.index("-o") + 2] = ["-E", "-P"]
    return subprocess.run(command, cwd=entry["directory"], check=True, capture_output=True).stdout


def lint(entry: dict, deadline: float) -> Result:
    """Prints what is wrong with a file."""
    if time.monotonic() > deadline:
        return Result.LEFT_OUT
    key = hashlib.sha256(configuration(entry["file"]) + preprocessed(entry)).hexdigest()
    if (CACHE / key).exists():
        return Result.PASSED
    run = subprocess.run([TIDY, "--quiet", "-p", str(DATABASE), entry["file"]], capture_output=True, text=True)
    if run.returncode == 0:
        (CACHE / key).touch()
        return Result.PASSED
    print(run.stdout + run.stderr, flush=True)
    return Result.FAILED


def changed_last_first(entries: list[dict]) -> list[dict]:
    """What is not committed comes before everything."""
    names = ""
    for command in (["diff", "--name-only", "HEAD"], ["log", "--format=", "--name-only"]):
        names += subprocess.run(["git", *command, "--", "src"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    rank = {str(ROOT / name): place for place, name in reversed(list(enumerate(names.split())))}
    return sorted(entries, key=lambda entry: rank.get(entry["file"], -1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("files", nargs="*", metavar="FILE")
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes

    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = {str(pathlib.Path(name).resolve()) for name in arguments.files}
    # By name: some files are in several libraries.
    database = {entry["file"]: entry for entry in json.loads((DATABASE / "compile_commands.json").read_text())}
    entries = [entry for file, entry in database.items()
               if (file in wanted if wanted else file.startswith(str(ROOT / "src")) and not file.endswith(("_test.cc", "test_client.cc")))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda entry: lint(entry, deadline), changed_last_first(entries)))
    failed, left_out = results.count(Result.FAILED), results.count(Result.LEFT_OUT)
    print(f"lint: {len(results) - left_out} files, {failed} with problems" +
          (f"; {left_out} files not reached in {arguments.minutes:g} minutes" if left_out else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
