#!/usr/bin/env python3
"""clang-tidy over src/, on the files whose preprocessed text changed since it last passed.

Usage: lint.py [FILE…]   Default: every .cc of src/. What passed is remembered in the user's cache folder, so that a new checkout of the same
sources costs little. Needs the compilation database of the release preset.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATABASE = ROOT / "build" / "release"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "accelerd-lint"
TIDY = "clang-tidy-19"


def preprocessed(entry: dict) -> bytes:
    """The text that the compiler sees, without line markers: it names no folder of this machine."""
    words = shlex.split(entry["command"])
    compiler = next(i for i, word in enumerate(words) if pathlib.Path(word).name.startswith(("c++", "g++", "clang++")))
    command = [word for word in words[compiler:] if word != "-c"]
    command[command.index("-o") : command.index("-o") + 2] = ["-E", "-P"]
    return subprocess.run(command, cwd=entry["directory"], check=True, capture_output=True).stdout


def lint(entry: dict) -> tuple[str, str]:
    """Returns the file's name and what is wrong with it."""
    key = hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + preprocessed(entry)).hexdigest()
    if (CACHE / key).exists():
        return entry["file"], ""
    result = subprocess.run([TIDY, "--quiet", "-p", str(DATABASE), entry["file"]], capture_output=True, text=True)
    if result.returncode == 0:
        (CACHE / key).touch()
        return entry["file"], ""
    return entry["file"], result.stdout + result.stderr


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = {str(pathlib.Path(name).resolve()) for name in sys.argv[1:]}
    entries = [entry for entry in json.loads((DATABASE / "compile_commands.json").read_text())
               if entry["file"].startswith(str(ROOT / "src")) and (not wanted or entry["file"] in wanted)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lint, entries))
    for file, problems in results:
        if problems:
            print(problems)
    failed = sum(1 for _, problems in results if problems)
    print(f"lint: {len(results)} files, {failed} with problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
