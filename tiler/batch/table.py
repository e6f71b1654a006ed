"""The table of a batch: a row for every path, as CSV and as text."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import get_args

from tiler.atomic import atomic_file
from tiler.batch.items import Outcome, Result
from tiler.errors import OutputError

# Names that are not UTF-8 are written with \udcNN for each byte, so that one of them does not spoil the whole table.
ODD_BYTES = "backslashreplace"


def to_csv(results: Sequence[Result]) -> str:
    """Return the results as CSV (RFC 4180), the names of the columns first."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(_columns())
    rows.writerows(astuple(replace(result, seconds=round(result.seconds, 2))) for result in results)
    return out.getvalue()


def write_csv(results: Sequence[Result], path: Path) -> None:
    """Write the CSV aside and put it in its place; raises OutputError."""
    with atomic_file(path) as file:
        file.write(to_csv(results).encode(errors=ODD_BYTES))


def check_table(path: Path) -> None:
    """Raise OutputError if there is a file `path` that is no earlier table of a batch: it will not be replaced."""
    try:
        with path.open("rb") as file:
            begins = file.readline(200)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}.", "Name another table with --csv.") from error
    if begins.strip() != ",".join(_columns()).encode():
        raise OutputError(f"{path}: this is not the table of a batch.", "Name another table with --csv.")


def table(results: Sequence[Result]) -> str:
    """Return an aligned line for each path that was neither skipped nor passed over, and one with the counts."""
    listed = [
        (one_line(result.source), result) for result in results if result.outcome not in ("skipped", "passed over")
    ]
    width = max((len(source) for source, _ in listed), default=0)
    lines = [
        f"{source:<{width}}  {r.outcome:<12}  {r.seconds:8.1f} s  {one_line(r.reason)}".rstrip() for source, r in listed
    ]
    counts = Counter(result.outcome for result in results)
    return "\n".join([*lines, ", ".join(f"{counts[name]} {name}" for name in get_args(Outcome))])


def sentence(result: Result) -> str:
    """Return a line on a result as it comes; nothing for a file that is no picture."""
    if result.outcome == "passed over" and not Path(result.source).is_dir():
        return ""
    return one_line(f"{result.source}: {result.outcome}. {result.reason}".rstrip(" ."))


def one_line(text: str) -> str:
    """Return the text with line ends and whatever else cannot be printed as escapes."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode("ascii") for one in text
    )


def _columns() -> list[str]:
    return [field.name for field in fields(Result)]
