#!/usr/bin/python3
"""Every C++ block of the guide is code that is compiled here: it stands in a file of this folder, line by line.

A block may be indented differently, and a line of "// ..." stands for lines that are left out.
"""
import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
BLOCK = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def lines_of(text):
    return [line.strip() for line in textwrap.dedent(text).splitlines() if line.strip()]


def stands_in(block, code):
    """The parts of `block` between the gaps follow each other in `code`."""
    at = 0
    for part in re.split(r"^\s*// \.\.\.$", block, flags=re.MULTILINE):
        wanted = lines_of(part)
        for begin in range(at, len(code) - len(wanted) + 1):
            if code[begin:begin + len(wanted)] == wanted:
                at = begin + len(wanted)
                break
        else:
            return False
    return True


def main():
    codes = [lines_of(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.cpp"))]
    pages = sorted(HERE.parent.glob("*.md"))
    wrong = 0 if pages and codes else 1
    blocks = 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            blocks += 1
            if not any(stands_in(match.group(1), code) for code in codes):
                line = text.count("\n", 0, match.start()) + 1
                print(f"{page.name}:{line}: this block is in no file of docs/guide/code")
                wrong += 1
    print(f"{blocks} blocks of {len(pages)} pages: {wrong} wrong")
    return 1 if wrong or not blocks else 0


sys.exit(main())
