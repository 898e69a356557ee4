#!/usr/bin/env python3
"""Prints `N passed, N failed` (with `, N skipped`) over the JUnit files of build trees, and what was skipped and why.

Usage: count_results.py DIRECTORY…   Exits 1 when a test failed or none ran.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def main() -> int:
    passed = failed = skipped = 0
    for directory in sys.argv[1:]:
        for report in sorted(pathlib.Path(directory).glob("*.xml")):
            for case in ElementTree.parse(report).getroot().iter("testcase"):
                name = f"{case.get('classname', '')}.{case.get('name')}"
                reason = case.find("skipped")
                if case.find("failure") is not None or case.find("error") is not None:
                    failed += 1
                    print(f"failed: {name}")
                elif reason is not None:
                    skipped += 1
                    print(f"skipped: {name}: {(reason.get('message') or '').strip()}")
                elif case.get("status") != "notrun":
                    passed += 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
