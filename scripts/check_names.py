#!/usr/bin/env python3
"""Fails when two headers of src/ define a type of the same name in the same namespace.

To the linker both are one, and it picks either member functions without a word.
"""

import collections
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src"
TYPE = re.compile(r"^(?:struct|class) (\w+)(?: final)?(?: :.*)? \{", re.MULTILINE)


def namespace_of(text: str) -> str:
    names = re.findall(r"^namespace ([\w:]+) \{", text, re.MULTILINE)
    return names[0] if names else ""


def main() -> int:
    places = collections.defaultdict(set)
    for header in sorted(SOURCE.rglob("*.h")):
        text = header.read_text()
        for name in TYPE.findall(text):
            places[namespace_of(text), name].add(str(header.relative_to(SOURCE)))
    twice = {key: files for key, files in places.items() if len(files) > 1}
    for (namespace, name), files in twice.items():
        print(f"{namespace}::{name} is defined in {', '.join(sorted(files))}: give one of them another name")
    print(f"names: {len(places)} types, {len(twice)} defined twice")
    return 1 if twice else 0


if __name__ == "__main__":
    sys.exit(main())
