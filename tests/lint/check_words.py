#!/usr/bin/python3
"""What is unfinished, and where somebody worked on it, has no place in the repository."""
import os
import re
import sys

from tree import ROOT, files

# Each is written so that this file does not find itself.
BANNED = [re.compile(p) for p in (
    r"\bTO[D]O\b", r"\bFIX[M]E\b", r"\bX[X]X\b", r"(?i)\bstub[s]?\b", r"(?i)\bfor[ ]now\b", r"(?i)\bnot[ ]implemented\b",
    r"(?<![\w.])/(?:work|root|home|Users)/")]
# The reason phrase of the status 501.
ALLOWED = re.compile(r"\b501\b")
DATA = ("tests/fuzz/corpus/", "tests/fuzz/dict/")


def main():
    errors = []
    for path in files():
        if path.startswith(DATA):
            continue
        try:
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                lines = f.read().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            for banned in BANNED:
                found = banned.search(line)
                if found and not ALLOWED.search(line):
                    errors.append(f"{path}:{number}: error: \"{found.group(0)}\"")
    print("\n".join(errors) if errors else "words: nothing unfinished, no workplace")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
