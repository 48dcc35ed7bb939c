"""A source file as the rules see it: its text, and its code with comments and literals blanked out."""
import dataclasses
import re

TREES = ("include", "src", "apps", "examples", "tests", "bench", "sim")
SUFFIXES = (".hpp", ".cpp", ".h", ".c")

_BLANKED = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\\\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


@dataclasses.dataclass(order=True, frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def _blank(match):
    if match.group().startswith("'") and match.start() and match.string[match.start() - 1].isalnum():
        return match.group()  # a digit separator, not a character
    return re.sub(r"[^\n]", " ", match.group())


class Source:
    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.splitlines()
        self.code = _BLANKED.sub(_blank, text)
        self.includes = [(self.line_at(m.start(1)), m.group(1), m.group(2)) for m in _INCLUDE.finditer(text)]
        parts = path.split("/")
        self.tree = parts[0]
        self.public = path.startswith("include/vigil/")
        # The floor of a file in include/vigil/<floor>/ or src/<floor>/; "" for a header that gathers several.
        floor_at = {"include": 2, "src": 1}.get(self.tree)
        self.floor = (parts[floor_at] if len(parts) > floor_at + 1 else "") if floor_at else None

    def line_at(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def excuses(self, line, rule):
        excuse = f"tidy: allow {rule}: "
        return any(excuse in self.lines[i] for i in (line - 1, line - 2) if 0 <= i < len(self.lines))

    def find(self, rule, line, text):
        return Finding(self.path, line, rule, text)


def read_tree(root):
    files = []
    for tree in TREES:
        for path in sorted((root / tree).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                files.append(Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")))
    return files
