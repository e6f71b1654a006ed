"""What one level took, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What the repair of a level did to its bad seams, those above the limit of `tiler.core.seams`.

    above: how many there were. repaired: how many of them are within the limit now; left: how many are not.
    worst_before, worst_after: the worst place of any of them, in 0..1. tiles_run: tiles of the shifted grid.
    """

    above: int
    repaired: int
    left: int
    worst_before: float
    worst_after: float
    tiles_run: int

    def summary(self) -> str:
        """Return what was done in a line, with the worst places in steps of 255."""
        return (
            f"{self.repaired} of {self.above} seams above the limit repaired, {self.left} left; "
            f"worst place {255 * self.worst_before:.1f} before, {255 * self.worst_after:.1f} after"
        )


@dataclass(frozen=True, slots=True)
class LevelReport:
    """One level: its (height, width) in pixels, how many tiles ran and how many the guide had solved, and seconds.

    seconds: from the end of the level below to its own. Levels run side by side, so it is not the work of this one.
    tiles_kept: how many an earlier run of the same job had done before it was stopped. repair: None if it was not
    asked for.
    """

    level: int
    shape: tuple[int, int]
    tiles_run: int
    tiles_skipped: int
    seconds: float
    tiles_kept: int = 0
    repair: RepairReport | None = None
