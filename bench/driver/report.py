"""What is made of a run: JSON, plots, and the generated parts of docs/performance.md and docs/engines.md."""

import json
import os

import svg
import tables as text
from limits import check, limit_of

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def save(context, kind, tables, conditions):
    """A run of some tables (--only) replaces these in the report and leaves the others. A smoke run has
    a report of its own, which nothing is made of."""
    for table in tables:
        table["measured"] = {name: conditions[name] for name in ("date", "load_average")}
    path = os.path.join(context.out, f"{kind}{'-smoke' if context.smoke else ''}.json")
    if context.only is not None and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            tables = _replaced(json.load(file)["tables"], tables)
    report = {"kind": kind, "conditions": conditions, "smoke": context.smoke,
              "rounds": context.rounds if kind not in ("counts", "chat", "hold") else None,
              "tables": tables, "checks": check(tables)}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
        file.write("\n")
    return report, [path, *_plots(context.out, kind, tables)]


def _replaced(old, new):
    fresh = {table["id"]: table for table in new}
    kept = [fresh.pop(table["id"], table) for table in old]
    return kept + list(fresh.values())


def _plot_rows(table, column):
    rows = []
    for row in table["rows"]:
        if isinstance(row.get(column), (int, float)):
            limit = limit_of(table["id"], row["name"], column)
            rows.append((row["name"], row[column], row.get("quartiles"),
                         limit.at_most if limit else None))
    return rows


def _plots(folder, kind, tables):
    wanted = {
        "against": [("ratio", "CPU time of the server, the floor's being 1; median and quartiles. "
                              "Red: the limit", 3)],
        "accept": [("ratio", "CPU time of the server, the first's being 1; median and quartiles. Red: "
                             "the limit", 3),
                   ("skew", "connections of the most loaded shard to those of the least. Red: the "
                            "limit", 2)],
        "chat": [("cpu_s", "seconds of CPU a minute; median and quartiles", 2),
                 ("bytes", "private bytes a user", 0)],
        "hold": [],
        "counts": [("instructions", "user instructions for each. Red: the limit", 0),
                   ("idle_bytes", "private bytes for each idle connection. Red: the limit", 0),
                   ("instructions_15000", "user instructions an event with 15,000 watched", 0)],
        "uring": [("ratio", "CPU time of the server, the floor's being 1; median and quartiles. Red: "
                            "the limit", 3),
                  ("instructions", "user instructions for each. Red: the limit", 0)],
        "files": [("cpu_us", "microseconds of CPU a read; median and quartiles", 2)]}
    written = []
    for table in tables:
        for column, unit, decimals in wanted[kind]:
            rows = _plot_rows(table, column)
            if len(rows) < 2:
                continue
            path = os.path.join(folder, f"{kind}-{table['id']}-{column}.svg")
            with open(path, "w", encoding="utf-8") as file:
                file.write(svg.bars(table["title"], unit, decimals, rows))
            written.append(path)
    return written


def printed(report, ids):
    """The tables with these ids, and what the limits say of them."""
    lines = [_conditions_line(report), ""]
    lines += [text.text(table) for table in report["tables"] if table["id"] in ids]
    checks = [one for one in report["checks"] if one["table"] in ids]
    if checks:
        lines += ["limits:", text.verdicts(checks), ""]
    return "\n".join(lines)


def _conditions_line(report):
    now = report["conditions"]
    line = (f"{report['kind']}: {now['date']}, {now['cpu']}, {now['cores']} cores, Linux "
            f"{now['kernel']}, {now['compiler'] or 'compiler unknown'}; {now['placement']}, "
            f"{now['policy']}")
    if report["rounds"]:
        line += f"; {report['rounds']} rounds"
    if now["load_average"] > 0.5:
        line += f"; the machine was busy (load {now['load_average']})"
    return line


PAGES = {"performance.md": ("counts", "against", "accept", "chat", "hold"), "engines.md": ("uring", "files")}


def write_docs(context, docs):
    """The tables of the last runs, each in its page, if all kinds of that page were run; answers with those that were not."""
    missing = []
    for page, kinds in PAGES.items():
        missing += _write_page(context, os.path.join(docs, page), kinds)
    return missing


def _write_page(context, page, kinds):
    """Puts the tables between the markers of the page, and the plots beside it."""
    with open(page, encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN)
        _, _, after = rest.partition(END)
    images = os.path.join(os.path.dirname(page), "images")
    os.makedirs(images, exist_ok=True)
    parts, missing = [], []
    for kind in kinds:
        path = os.path.join(context.out, f"{kind}.json")
        if not os.path.exists(path):
            missing.append(kind)
            continue
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        parts.append(_section(report, images))
    if missing:
        return missing  # the page keeps what it has
    with open(page, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n" + "\n".join(parts) + f"\n{END}{after}")
    return missing


def _section(report, images):
    heading = {"counts": "Counts", "against": "CPU time against floors and rivals",
               "accept": "Accepting, and several shards",
               "chat": "Many users who say little",
               "hold": "Many connections held at once",
               "uring": "The ring beside a raw ring and epoll", "files": "Files"}
    out = [f"## {heading[report['kind']]}\n", f"*{_conditions_line(report)}.*\n"]
    for table in report["tables"]:
        out += [f"### {table['title']}\n", text.markdown(table)]
        for plot in _plots(images, report["kind"], [table]):
            name = os.path.basename(plot)
            out.append(f"![{table['title']}](images/{name})\n")
    short = [c for c in report["checks"] if c["verdict"] == "over"]
    if short:
        out.append("Over the limit that vigil sets itself:\n")
        out += [f"- {c['table']}: {c['row']}, {c['column']} {c['value']:.3f}, at most {c['at_most']:g}"
                for c in short]
        out.append("")
    return "\n".join(out)
