"""Many pictures, one network: what is done and verified is skipped, and a failure stops nothing but itself."""

from tiler.batch.composing import compose_all
from tiler.batch.find import find_items
from tiler.batch.items import Item, Outcome, Result
from tiler.batch.names import Naming
from tiler.batch.table import check_table, sentence, table, to_csv, write_csv
from tiler.batch.watching import LOOK_EVERY_S, watch
from tiler.batch.work import Labelled, NotesOf, run_batch

__all__ = [
    "LOOK_EVERY_S",
    "Item",
    "Labelled",
    "Naming",
    "NotesOf",
    "Outcome",
    "Result",
    "check_table",
    "compose_all",
    "find_items",
    "run_batch",
    "sentence",
    "table",
    "to_csv",
    "watch",
    "write_csv",
]
