"""A planted fault (tests/mutations/*.mut) names text of the source that it replaces: once the source moves on, so must it."""
from lint.source import Finding


def fits(root):
    for path in sorted((root / "tests/mutations").glob("*.mut")):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        try:
            source = text.split("file: ", 1)[1].split("\n", 1)[0]
            old = text.split("\n--- old\n", 1)[1].split("\n--- new\n", 1)[0]
        except IndexError:
            yield Finding(name, 1, "mutation", "needs 'file: PATH', '--- old' and '--- new'")
            continue
        count = (root / source).read_text(encoding="utf-8").count(old) if (root / source).is_file() else 0
        if count != 1:
            yield Finding(name, 1, "mutation", f"its text is {count} times in {source}, not once: bring it up to date")
