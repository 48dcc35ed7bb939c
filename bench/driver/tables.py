"""Tables as aligned text and as Markdown. A column is (key, heading, decimals); text has no decimals."""


def cell(row, column):
    key, _, decimals = column
    value = row.get(key)
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " - ".join(number(part, decimals) for part in value)
    return number(value, decimals)


def number(value, decimals):
    if decimals is None:
        return str(value)
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def text(table):
    columns = [tuple(column) for column in table["columns"]]
    lines = [[column[1] for column in columns]]
    lines += [[cell(row, column) for column in columns] for row in table["rows"]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    out = [table["title"], ""]
    for line in lines:
        padded = [part.ljust(width) if column[2] is None else part.rjust(width)
                  for part, width, column in zip(line, widths, columns)]
        out.append("  " + "   ".join(padded).rstrip())
    out += [f"  not run: {name}: {why}" for name, why in table.get("not_run", {}).items()]
    return "\n".join(out) + "\n"


def markdown(table):
    columns = [tuple(column) for column in table["columns"]]
    out = ["| " + " | ".join(column[1] for column in columns) + " |",
           "|" + "|".join("---" if column[2] is None else "---:" for column in columns) + "|"]
    for row in table["rows"]:
        out.append("| " + " | ".join(cell(row, column) for column in columns) + " |")
    if table.get("not_run"):
        out.append("")
        out += [f"Not run: {name}: {why}." for name, why in table["not_run"].items()]
    return "\n".join(out) + "\n"


def verdicts(checks):
    lines = []
    for check in checks:
        lines.append(f"  {check['verdict']:<13}  {check['table']}: {check['row']}, {check['column']}: "
                     f"{check['value']:.3f} (at most {check['at_most']:g})")
    return "\n".join(lines)
