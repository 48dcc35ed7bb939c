"""Words that do not belong in a finished tree, and files too long to be read at once."""
import re

LONGEST = 400
LONGEST_TEST = 600  # tables of cases

_WORDS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
_PLACES = re.compile(r"/(?:work|home)/\w|/tmp/brief|\bshared/design\b")


def words(file):
    for number, line in enumerate(file.lines, 1):
        if match := _WORDS.search(line):
            yield file.find("unfinished", number, f"'{match.group()}': finish it, or write down the limit as a fact")
        if match := _PLACES.search(line):
            yield file.find("place", number, f"'{match.group()}' is a place on somebody's machine")


def length(file):
    most = LONGEST_TEST if file.tree == "tests" else LONGEST
    if len(file.lines) > most:
        yield file.find("length", most + 1, f"{len(file.lines)} lines: split it, at most {most} are read at once")
