#!/usr/bin/env python3
"""Enforces the table of layers in docs/architecture.md: which folder of src/ may include what."""

import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src"

# Folders, or single headers, that a folder may include besides itself.
ALLOWED = {
    "base": [],
    "model": ["base"],
    "config": ["base"],
    "metrics": ["base"],
    "image": ["base"],
    "backend": ["base", "model"],
    "task": ["base", "model", "image"],
    "engine": ["base", "model", "metrics", "backend/backend.h"],
    "service": ["base", "model", "metrics", "image", "task", "engine"],
    "frontend": ["base", "model", "metrics", "service", "task/result.h", "image/image.h", "image/sniff.h"],
    "cli": ["base", "config"],
    "app": ["base", "model", "config", "metrics", "image", "backend", "task", "engine", "service", "frontend", "cli"],
}

# Libraries that one folder, or few, may see.
CONFINED = {
    r"openvino/": ["backend/openvino/"],
    r"boost/(beast|asio)": ["frontend/http/", "cli/"],
    r"curl/": ["cli/"],
    r"opencv2/": ["image/"],
    r"(jpeglib|spng|webp/)": ["image/", "cli/"],
    r"(google/protobuf|grpc)": ["frontend/grpc/", "frontend/codec/"],
    r"toml": ["base/parse_toml.h", "config/", "model/"],
    r"CLI/": ["config/", "cli/"],
    r"spdlog/": ["base/"],
    r"(yaml\.h|zip\.h|flatbuffers/)": ["model/"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def problems_of(path: pathlib.Path):
    name = path.relative_to(SOURCE).as_posix()
    folder = name.split("/")[0]
    test = name.endswith("_test.cc")
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, header = match.group(1) == '"', match.group(2)
        for library, places in CONFINED.items():
            if re.match(library, header) and not test and not any(name.startswith(place) for place in places):
                yield f"src/{name}:{number}: {header} may be included in {', '.join(places)} only"
        if quoted and (SOURCE / header).exists():
            target = header.split("/")[0]
            if target != folder and target not in ALLOWED[folder] and header not in ALLOWED[folder]:
                yield f"src/{name}:{number}: {folder} may not include {header}"


def main() -> int:
    files = sorted(path for path in SOURCE.rglob("*") if path.suffix in (".h", ".cc"))
    problems = [problem for path in files for problem in problems_of(path)]
    print("\n".join(problems) or f"layers: {len(files)} files are as the table says")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
