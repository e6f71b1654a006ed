"""Draw the rooms of the package, in the order of ROOMS, and what they import; writes the table of the rooms as well."""

import ast
import re
from collections import Counter
from html import escape
from pathlib import Path

HOME = Path(__file__).parents[2]
SVG, PAGE = HOME / "docs" / "images" / "rooms.svg", HOME / "docs" / "architecture.md"
BEGIN = "<!-- rooms: made by docs/hooks/room_picture.py -->\n\n| room | files | what it holds |\n|---|--:|---|\n"
END = "<!-- end of rooms -->\n"
LEFT, WIDE, TALL, STEP, REACH = 16, 420, 46, 62, 300


def rooms() -> tuple[tuple[str, ...], ...]:
    """Return the rows of rooms, from the top of the house down."""
    tree = ast.parse((HOME / "tests" / "test_rooms.py").read_text(encoding="utf-8"))
    (table,) = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "ROOMS"]
    return tuple(tuple(row) for row in ast.literal_eval(table))


def modules(room: str) -> list[ast.Module]:
    """Return the modules of a room; the docstring of the first describes the room."""
    paths = sorted((HOME / "tiler" / room).rglob("*.py")) or [HOME / "tiler" / f"{room}.py"]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def purpose(room: str) -> str:
    """Return the first sentence of a room's docstring."""
    return (ast.get_docstring(modules(room)[0]) or "").split("\n")[0]


def imports(row: tuple[str, ...]) -> Counter[str]:
    """Return the names directly below `tiler` that the rooms of a row import, and how often."""
    nodes = [node for room in row for tree in modules(room) for node in ast.walk(tree)]
    names = [f"{n.module}.{n.names[0].name}".split(".") for n in nodes if isinstance(n, ast.ImportFrom)]
    return Counter(name[1] for name in names if name[0] == "tiler")


def picture() -> str:
    """Return the SVG: a box for each row of rooms, an arc where the upper of two imports from the lower."""
    rows, used, right = rooms(), Counter[tuple[str, int]](), LEFT + WIDE
    place = {room: k for k, row in enumerate(rows) for room in row}
    arcs = {(k, place[to]): n for k, row in enumerate(rows) for to, n in imports(row).items() if place.get(to, k) != k}
    colours = [f"hsl({(20 + 137 * k) % 360}, 50%, 38%)" for k in range(len(rows))]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right + REACH} {STEP * len(rows) + LEFT}">']
    out.append('<rect width="100%" height="100%" rx="10" fill="#fbfaf7"/>')
    out.append('<g fill="#4c566a" font-family="sans-serif" font-size="11.5">')
    for (k, to), n in sorted(arcs.items()):
        # Arcs leave the lower half of a box, the shortest lowest, and reach the upper half, the longest highest.
        used.update([("from", k), ("to", to)])
        y0 = LEFT + STEP * k + TALL * (1 - used["from", k] / (2 * sum(a == k for a, _ in arcs) + 2))
        y1 = LEFT + STEP * to + TALL * used["to", to] / (2 * sum(b == to for _, b in arcs) + 2)
        x, colour = right + 20 + (to - k) / len(rows) * 1.3 * REACH, colours[k]
        curve = f"M{right} {y0:.1f}C{x:.0f} {y0:.1f} {x:.0f} {y1:.1f} {right + 7} {y1:.1f}"
        out.append(f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="{min(1 + n / 5, 4):.1f}"/>')
        out.append(f'<path d="M{right} {y1:.1f}l8-3.5v7z" fill="{colour}"/>')
    for k, row in enumerate(rows):
        y, colour, count = LEFT + STEP * k, colours[k], sum(len(modules(room)) for room in row)
        text = " · ".join(row[4:]) or re.split("[:;.]", purpose(row[0]))[0].replace("`", "") * (len(row) == 1)
        out.append(f'<rect x="{LEFT}" y="{y}" width="{WIDE}" height="{TALL}" rx="6" fill="#fff" stroke="{colour}"/>')
        style = f'font-size="14" font-weight="bold" fill="{colour}"'
        out.append(f'<text x="{LEFT + 14}" y="{y + (20 if text else 28)}" {style}>{" · ".join(row[:4])}</text>')
        out.append(f'<text x="{LEFT + 14}" y="{y + 37}" {style if row[4:] else ""}>{escape(text)}</text>')
        out.append(f'<text x="{right - 12}" y="{y + 20}" text-anchor="end">{count} file{"s" * (count > 1)}</text>')
    return "\n".join([*out, "</g></svg>\n"])


def page() -> str:
    """Return docs/architecture.md with the table of the rooms as they are now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table = [f"| `{room}` | {len(modules(room))} | {purpose(room)} |\n" for row in rooms() for room in row]
    return "".join([before, BEGIN, *table, "\n", END, rest.partition(END)[2]])


if __name__ == "__main__":
    SVG.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
