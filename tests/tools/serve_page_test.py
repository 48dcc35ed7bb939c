#!/usr/bin/python3
"""docs/serve.md has every option of `vigil serve` as the program's own table has it: group, value, default, status, text."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


def fields_of(entry):
    """The string literals of one entry; those that stand side by side are one."""
    fields, end = [], None
    for match in TEXT.finditer(entry):
        if end is not None and entry[end:match.start()].strip() == "":
            fields[-1] += match[1]
        else:
            fields.append(match[1])
        end = match.end()
    return fields[:6]


def options_of(source):
    """(name, value, default, help, answers, group) of each option, in order."""
    count, table = re.search(r"Option, (\d+)> kServeOptions\{\{\n(.*?)\n\}\};", source, re.S).groups()
    entries = re.split(r"^    (?=\{\")", table, flags=re.M)[1:]
    options = [fields_of(entry) for entry in entries]
    if len(options) != int(count) or any(len(option) != 6 for option in options):
        sys.exit(f"FAILED {len(options)} of {count} options were understood in serve_options.cpp")
    return [(name, value, default, text, answers, group) for name, value, default, text, answers, group in options]


def rows_of(options):
    """The row that the page must have for each option, with its group."""
    rows = []
    for name, value, default, text, answers, group in options:
        spelling = f"--{name} {value}".strip().replace("|", "\\|")
        cells = [f"`{spelling}`", f"`{default}`" if default else "none"]
        if any(other[4] for other in options if other[5] == group):
            cells.append(answers.replace("close", "closed"))
        rows.append((group, "| " + " | ".join(cells + [text]).replace("|  |", "| |") + " |"))
    return rows


def faults_of(page, rows):
    group, seen = "", []
    for line in page.splitlines():
        if line.startswith("#"):
            group = line.lstrip("# ")
        elif line.startswith("| `--"):
            seen.append((group, line))
    missing = [f"is not under \"{group}\": {row}" for group, row in rows if (group, row) not in seen]
    extra = [f"is no option, or not as in the table: {row}" for row in seen if row not in rows]
    twice = ["has a row twice"] if len(seen) != len(set(seen)) else []
    return missing + extra + twice


def main():
    options = options_of((ROOT / "apps/vigil/cli/serve_options.cpp").read_text())
    rows = rows_of(options)
    page = (ROOT / "docs/serve.md").read_text()
    faults = faults_of(page, rows)
    for fault in faults:
        print("docs/serve.md", fault)
    # A page with any row left out, or another default in it, must not pass.
    for _, row in rows:
        if not faults_of(page.replace(row + "\n", "", 1), rows):
            faults.append(row)
            print("FAILED the loss of a row is not seen:", row)
        if not faults_of(page.replace(row, row.replace("` | ", "` | 7", 1), 1), rows):
            faults.append(row)
            print("FAILED another default is not seen:", row)
    print("FAILED" if faults else "ok")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
