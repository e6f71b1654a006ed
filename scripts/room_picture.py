"""Draw the rooms of the package, in the order of ROOMS, and what they import; writes the table of the rooms as well."""

import ast
from collections import Counter
from html import escape
from pathlib import Path

HOME = Path(__file__).parents[1]
SVG, PAGE = HOME / "docs" / "images" / "rooms.svg", HOME / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: made by scripts/room_picture.py -->\n", "<!-- end of rooms -->\n"
HEAD = "\n| room | files | what it holds |\n|---|--:|---|\n"
LEFT, WIDE, TALL, STEP, REACH = 16, 420, 46, 62, 300


def rooms() -> tuple[tuple[str, ...], ...]:
    """Return the rows of rooms, from the top of the house down."""
    tree = ast.parse((HOME / "tests" / "test_rooms.py").read_text(encoding="utf-8"))
    (table,) = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "ROOMS"]
    return tuple(tuple(row) for row in ast.literal_eval(table))


def modules(room: str) -> list[ast.Module]:
    """Return the modules of a room; the docstring of the first describes the room."""
    folder = HOME / "tiler" / room
    paths = sorted(folder.rglob("*.py")) or [folder.with_suffix(".py")]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def purpose(room: str) -> str:
    """Return the first sentence of a room's docstring."""
    return (ast.get_docstring(modules(room)[0]) or "").split("\n")[0]


def imports(row: tuple[str, ...]) -> Counter[str]:
    """Return the names directly below `tiler` that the rooms of a row import, and how often."""
    nodes = [node for room in row for tree in modules(room) for node in ast.walk(tree)]
    froms = [f"{n.module}.{n.names[0].name}" for n in nodes if isinstance(n, ast.ImportFrom)]
    return Counter(name.split(".")[1] for name in froms if name.startswith("tiler."))


def picture() -> str:
    """Return the SVG: a box for each row of rooms, an arc where the upper of two imports from the lower."""
    rows, used, right = rooms(), Counter[tuple[str, int]](), LEFT + WIDE
    place = {room: k for k, row in enumerate(rows) for room in row}
    arcs = {(k, place[to]): n for k, row in enumerate(rows) for to, n in imports(row).items() if place.get(to, k) != k}
    colours = [f"hsl({(20 + 137 * k) % 360}, 50%, 38%)" for k in range(len(rows))]  # neighbours far apart
    size = f"{right + REACH} {STEP * len(rows) + LEFT}"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="11.5">']
    out.append('<g fill="#4c566a"><rect width="100%" height="100%" rx="10" fill="#fbfaf7"/>')
    for (k, to), n in sorted(arcs.items()):
        # Arcs leave the lower half of a box, the shortest lowest, and reach the upper half, the longest highest.
        used.update([("from", k), ("to", to)])
        y0 = LEFT + STEP * k + TALL * (1 - used["from", k] / (2 * sum(a == k for a, _ in arcs) + 2))
        y1 = LEFT + STEP * to + TALL * used["to", to] / (2 * sum(b == to for _, b in arcs) + 2)
        x, colour = right + 20 + (to - k) / len(rows) * 1.3 * REACH, colours[k]
        out.append(f'<path d="M{right} {y0:.1f}C{x:.0f} {y0:.1f} {x:.0f} {y1:.1f} {right + 7} {y1:.1f}" fill="none" ')
        out.append(f'stroke="{colour}" stroke-opacity=".75" stroke-width="{min(1 + n / 5, 4):.1f}"/>')
        out.append(f'<path d="M{right} {y1:.1f}l8-3.5v7z" fill="{colour}"/>')
    for k, row in enumerate(rows):
        y, colour, count = LEFT + STEP * k, colours[k], sum(len(modules(room)) for room in row)
        text = purpose(row[0]).split(":")[0].rstrip(".").replace("`", "") if len(row) == 1 else ""
        out.append(f'<rect x="{LEFT}" y="{y}" width="{WIDE}" height="{TALL}" rx="6" fill="#fff" stroke="{colour}"/>')
        out.append(f'<text x="{LEFT + 14}" y="{y + (20 if text else 28)}" font-size="{14 if len(row) < 4 else 12}" ')
        out.append(f'font-weight="bold" fill="{colour}">{" · ".join(row)}</text>')
        out.append(f'<text x="{LEFT + 14}" y="{y + 37}">{escape(text)}</text>')
        out.append(f'<text x="{right - 12}" y="{y + 20}" text-anchor="end">{count} file{"s" * (count > 1)}</text>')
    return "\n".join([*out, "</g></svg>\n"])


def page() -> str:
    """Return docs/architecture.md with the table of the rooms as they are now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table = [f"| `{room}` | {len(modules(room))} | {purpose(room)} |\n" for row in rooms() for room in row]
    return "".join([before, BEGIN, HEAD, *table, "\n", END, rest.partition(END)[2]])


if __name__ == "__main__":
    SVG.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
