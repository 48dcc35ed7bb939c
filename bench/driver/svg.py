"""Plots as plain SVG: one bar a row, a whisker from quartile to quartile, the floor and the limit as lines.
Readable on a light and on a dark page."""

from html import escape

WIDTH, LABELS, RIGHT, BAR, GAP, TOP, BOTTOM = 760, 220, 80, 20, 10, 72, 36
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2933; }
  .title { font-size: 16px; font-weight: 600; }
  .axis, .value { font-size: 12px; fill: #52606d; }
  .grid { stroke: #e4e7eb; } .floor { stroke: #52606d; stroke-dasharray: 4 3; }
  .limit { stroke: #ba2525; stroke-width: 2; } .whisker { stroke: #1f2933; stroke-width: 1.5; }
  .ground { fill: #9aa5b1; } .vigil { fill: #2680c2; } .rival { fill: #f0b429; } .back { fill: #fff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb; } .axis, .value { fill: #9aa5b1; } .grid { stroke: #323f4b; }
    .whisker { stroke: #f5f7fa; } .back { fill: #1f2933; }
  }
"""


def _kind(name):
    if name.startswith("vigil"):
        return "vigil"
    return "ground" if name.startswith(("raw", "bare")) else "rival"


def _nice_step(most):
    step = 10.0 ** -3
    while most / step > 8:
        for factor in (2, 2.5, 2):  # 1, 2, 5, 10
            step *= factor
            if most / step <= 8:
                break
    return step


def bars(title, unit, decimals, rows):
    """rows: (name, value, (low, high) or None, limit or None)."""
    most = max(max(value, spread[1] if spread else 0, limit or 0)
               for _, value, spread, limit in rows) * 1.05
    height = TOP + len(rows) * (BAR + GAP) + BOTTOM
    scale = (WIDTH - LABELS - RIGHT) / most

    def x(value):
        return f"{LABELS + value * scale:.1f}"

    bottom = height - BOTTOM + 4
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
           f'aria-label="{escape(title)}">', f"<style>{STYLE}</style>",
           f'<rect class="back" width="{WIDTH}" height="{height}" rx="8"/>',
           f'<text class="title" x="20" y="30">{escape(title)}</text>',
           f'<text class="axis" x="20" y="50">{escape(unit)}</text>']
    step = _nice_step(most)
    for tick in range(int(most / step) + 1):
        at = x(tick * step)
        out.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{TOP - 6}" y2="{bottom}"/>'
                   f'<text class="axis" x="{at}" y="{bottom + 16}" text-anchor="middle">'
                   f"{tick * step:,.10g}</text>")
    for i, (name, value, spread, limit) in enumerate(rows):
        y = TOP + i * (BAR + GAP)
        middle = y + BAR / 2
        out.append(f'<text x="{LABELS - 10}" y="{middle + 4}" text-anchor="end">{escape(name)}</text>'
                   f'<rect class="{_kind(name)}" x="{LABELS}" y="{y}" width="{value * scale:.1f}" '
                   f'height="{BAR}" rx="2"/>')
        end = value
        if spread:
            low, end = spread
            out.append(f'<path class="whisker" fill="none" d="M{x(low)} {y + 4}V{y + BAR - 4}'
                       f'M{x(end)} {y + 4}V{y + BAR - 4}M{x(low)} {middle}H{x(end)}"/>')
        if limit is not None:
            out.append(f'<line class="limit" x1="{x(limit)}" x2="{x(limit)}" y1="{y - 3}" '
                       f'y2="{y + BAR + 3}"><title>at most {limit:g}</title></line>')
        behind = max(value, end, limit or 0)
        out.append(f'<text class="value" x="{float(x(behind)) + 6:.1f}" y="{middle + 4}">'
                   f"{value:,.{decimals}f}</text>")
    if any(spread for _, _, spread, _ in rows):  # ratios to a floor
        out.append(f'<line class="floor" x1="{x(1)}" x2="{x(1)}" y1="{TOP - 6}" y2="{bottom}"/>')
    return "\n".join(out) + "\n</svg>\n"
