#!/usr/bin/env python3
"""Runs clang-tidy over src/, and fails if a file has problems or was not reached.

Usage: lint.py [--since REVISION] [--minutes N] [FILE…]

Default: every .cc of src/ except the tests, whose macros make it slow and noisy.
--since REVISION: only the files that changed since that commit, and those that include a header that did.
--minutes N: starts no file after that time. A file that was left out is a failure.

A CI lints what changed since the commit that .ci/lint_base names. What passed is also remembered in the user's cache folder by its preprocessed text,
so that a new checkout of the same sources costs little. Needs the compilation database of the release preset.
"""

import argparse
import concurrent.futures
import enum
import hashlib
import json
import os
import pathlib
import re
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


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def changed_since(revision: str) -> set[str]:
    """The sources that changed since a commit, or that include a changed header, as absolute paths.

    Every one of them if the rules changed, or if the history has no such commit.
    """
    sources = {path for path in (ROOT / "src").rglob("*") if path.suffix in (".h", ".cc")}
    if subprocess.run(["git", "cat-file", "-e", revision], cwd=ROOT, capture_output=True).returncode != 0:
        return {str(path) for path in sources}
    changed = {ROOT / name for name in git("diff", "--name-only", revision).split()}
    changed |= {ROOT / name for name in git("ls-files", "--others", "--exclude-standard").split()}
    if any(path.name == ".clang-tidy" for path in changed):
        return {str(path) for path in sources}
    headers = {path.relative_to(ROOT / "src").as_posix() for path in changed if path.suffix == ".h"}
    including = {path for path in sources if headers.intersection(INCLUDE.findall(path.read_text()))}
    return {str(path) for path in changed | including}


def changed_last_first(entries: list[dict]) -> list[dict]:
    """What is not committed comes before everything."""
    names = ""
    for command in (["diff", "--name-only", "HEAD"], ["log", "--format=", "--name-only"]):
        names += git(*command, "--", "src")
    rank = {str(ROOT / name): place for place, name in reversed(list(enumerate(names.split())))}
    return sorted(entries, key=lambda entry: rank.get(entry["file"], -1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--since", metavar="REVISION")
    parser.add_argument("files", nargs="*", metavar="FILE")
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes

    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = {str(pathlib.Path(name).resolve()) for name in arguments.files}
    changed = changed_since(arguments.since) if arguments.since else None
    # By name: some files are in several libraries.
    database = {entry["file"]: entry for entry in json.loads((DATABASE / "compile_commands.json").read_text())}
    entries = [entry for file, entry in database.items()
               if (file in wanted if wanted else file.startswith(str(ROOT / "src")) and not file.endswith(("_test.cc", "test_client.cc")))
               and (changed is None or file in changed)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda entry: lint(entry, deadline), changed_last_first(entries)))
    failed, left_out = results.count(Result.FAILED), results.count(Result.LEFT_OUT)
    print(f"lint: {len(results) - left_out} files, {failed} with problems" +
          (f"; {left_out} files not reached in {arguments.minutes:g} minutes" if left_out else ""))
    return 1 if failed or left_out else 0


if __name__ == "__main__":
    sys.exit(main())
