"""Repair of bad seams: the tiles along them run once more on a grid that is shifted by half a tile.

In the middle of a tile the network has seen most of what is around, at its border least. On the shifted grid the
middles lie where seams and corners were. A shifted tile is fused with the guide as any other, and cross-faded into
what is there by the same ramps; the seam it covers is gone, and what it brings instead, its *rim*, is measured in the
same way: against the next shifted tile, or against what is on the canvas.

A rim can be bad as well, where a tile at the seam was wrong all over. There the next shifted tile runs, too, until the
rims are good: the repaired region grows as far as the fault reaches.

Then the answer that agrees better is taken. Shifted tiles that touch are one region, and a region is taken if the worst
place of its rims is better than the worst of the bad seams that it covers. If it is not, its parts are tried by
themselves: what it was before it grew, then the tiles of each seam; else all is left as it was. So no region gets
worse. All regions are measured on the canvas as it was, so the order in which tiles run does not matter.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tiler.core.blending import mix, touching
from tiler.core.geometry import Axis, Box, Span
from tiler.core.plan import Level
from tiler.core.seams import LIMIT, Seam, Tile, measure_block, overlap_box, worst_first
from tiler.engine.answer import answer
from tiler.engine.graph import Graph, Runner
from tiler.engine.report import RepairReport
from tiler.engine.scene import Fuse, Scene, window
from tiler.errors import ModelError
from tiler.model.retry import NoAnswerError
from tiler.store.journal import Journal

Alpha = NDArray[np.float32]
Tiles = frozenset[Tile]


@dataclass(frozen=True)
class _Region:
    """Shifted tiles that touch each other, the bad seams that they cover as a whole, and the rims they bring."""

    tiles: Tiles
    bad: tuple[Seam, ...]
    rims: tuple[Seam, ...]

    @property
    def is_better(self) -> bool:
        """Whether its worst rim is better than its worst seam."""
        before = max((seam.worst for seam in self.bad), default=0.0)
        return max((rim.worst for rim in self.rims), default=0.0) < before


def repair(scene: Scene, level: Level, run: Runner, *, fuse: Fuse | None = None, limit: float = LIMIT) -> RepairReport:
    """Repair the seams of `level` whose worst place is above `limit`, in 0..1, on the canvas; return what changed.

    scene, run: as `tiler.engine.solve.solve` takes them; all blocks of the level are on the canvas. fuse: in the
    place of the scene's own.

    What is to change is staged, committed and then applied, so that a run that is killed at any moment and continued
    gives the same bytes. A repaired level is not repaired again.

    Raises ModelError if the network gives no answer and `scene.strict` is true; otherwise the seam is left.
    """
    note = scene.canvas.committed(level.index)
    if note is None:
        scene.canvas.discard_staged(level.index)
        note = _stage(scene if fuse is None else replace(scene, fuse=fuse), level, run, limit)
    scene.canvas.apply_staged(level.index)
    return RepairReport(**json.loads(note))


def shifted_by_half(level: Level) -> Level:
    """Return `level` on the grid whose tiles have their middles on its seams."""
    return replace(level, rows=level.rows.shifted(), cols=level.cols.shifted())


def _stage(scene: Scene, level: Level, run: Runner, limit: float) -> str:
    """Find and stage what is to change, and return the report of it, as JSON."""
    shifted, kept = shifted_by_half(level), scene.journal.shifted
    bad = [seam for seam in scene.canvas.seams_of(level.index) if seam.worst > limit]
    covering = {seam: _covering(level, shifted, seam) for seam in bad}
    tiles = _run_tiles(scene, shifted, run, frozenset().union(*covering.values()), limit)
    taken = _better(scene, shifted, covering, tiles)
    chosen = frozenset(tile for region in taken for tile in region.tiles)
    for i, j in level.tiles:
        alpha = _repaired(scene, shifted, kept, chosen, level.block(i, j))
        if alpha is not None:
            scene.canvas.stage_block(level.index, i, j, alpha)
    after = {seam: new for region in taken for seam, new in _measured_again(shifted, covering, region).items()}
    left = [after.get(seam, seam).worst for seam in bad]
    note = RepairReport(
        above=len(bad),
        repaired=sum(worst <= limit for worst in left),
        left=sum(worst > limit for worst in left),
        worst_before=max((seam.worst for seam in bad), default=0.0),
        worst_after=max(left, default=0.0),
        tiles_run=len(tiles),
    )
    text = json.dumps(asdict(note))
    if bad:
        scene.canvas.commit(level.index, after.values(), text)
        for i in range(shifted.rows.count):
            kept.forget(level.index, i)
    return text


def _run_tiles(scene: Scene, shifted: Level, run: Runner, wanted: Tiles, limit: float) -> Tiles:
    """Run the `wanted` shifted tiles, and those beyond their bad rims; return the ones that answered."""
    kept = scene.journal.shifted
    tiles, asked = Tiles(), Tiles()
    rims: dict[tuple[str, int, int], Seam] = {}
    while wanted:
        missing = wanted - kept.kept(shifted.index)
        scene.progress.stage(f"level {shifted.index}, repairing seams", len(missing))
        tasks: Graph = {("shifted", i, j): (_run_tile, scene, shifted, i, j) for i, j in missing}
        if tasks:
            run(tasks, sorted(tasks))
        # One without an answer is left out: the seam stays as it is.
        new = wanted & kept.kept(shifted.index)
        asked, tiles = asked | wanted, tiles | new
        for rim in _rims(scene, shifted, tiles, new):
            rims[rim.across, rim.row, rim.col] = rim
        wanted = Tiles(t for rim in rims.values() if rim.worst > limit for t in _tiles_of(shifted, rim)) - asked
    return tiles


def _run_tile(scene: Scene, shifted: Level, i: int, j: int) -> None:
    """Run one shifted tile, and keep its answer over its support in the journal."""
    box = shifted.read(i, j)
    try:
        alpha = answer(scene, shifted, box)
    except NoAnswerError as error:
        place = f"level {shifted.index}, shifted tile ({i}, {j})"
        if scene.strict:
            raise ModelError(
                f"{place}: the network failed twice: {error}",
                "Choose fewer --threads or a smaller --tile-px if memory ran out. The same command continues.",
            ) from error
        scene.progress.note(f"{place}: the network failed twice: {error} The seam is left as it is.")
    else:
        scene.journal.shifted.keep(shifted.index, i, j, alpha[shifted.support(i, j).within(box).slices].copy())
    scene.progress.advance()


def _rims(scene: Scene, shifted: Level, tiles: Tiles, of: Tiles) -> Iterator[Seam]:
    """Yield the rims of the shifted tiles `of`: against the other `tiles`, and elsewhere against the canvas."""
    for block in sorted({block for tile in of for block in _around(shifted, *tile)}):
        near = _recalled(scene.journal.shifted, shifted, tiles.intersection(touching(shifted, *block)))
        for rim in measure_block(shifted, *block, near, lambda box: _on_canvas(scene, shifted, box)):
            if of.intersection(_tiles_of(shifted, rim)):
                yield rim


def _better(scene: Scene, shifted: Level, covering: Mapping[Seam, Tiles], tiles: Tiles) -> list[_Region]:
    """Return regions of `tiles`, none of which touches another, that are better than what is there."""
    taken: list[_Region] = []

    def region_of(own: Tiles) -> _Region:
        bad = tuple(seam for seam, needed in covering.items() if needed <= own)
        return _Region(own, bad, tuple(_rims(scene, shifted, own, own)))

    def take(own: Tiles) -> bool:
        region = region_of(own)
        if region.is_better:
            taken.append(region)
        return region.is_better

    first = frozenset().union(*covering.values())
    for grown in _apart(shifted, tiles):
        if take(grown):
            continue
        for part in _apart(shifted, grown & first):
            if part != grown and take(part):
                continue
            for seam in worst_first(covering):
                own = covering[seam]
                if own <= part and own != part and not _touch(shifted, own, taken):
                    take(own)
    return taken


def _apart(shifted: Level, tiles: Tiles) -> Iterator[Tiles]:
    """Yield `tiles` in sets that do not touch each other, the first tile's first."""
    beside: dict[Tile, set[Tile]] = {tile: set() for tile in tiles}
    for tile in tiles:
        for other in tiles.intersection(touching(shifted, *tile)):
            beside[tile].add(other)
            beside[other].add(tile)
    left = set(tiles)
    while left:
        found, fresh = set[Tile](), {min(left)}
        while fresh:
            found |= fresh
            left -= fresh
            fresh = {other for tile in fresh for other in beside[tile]} & left
        yield frozenset(found)


def _touch(shifted: Level, own: Tiles, taken: Iterable[_Region]) -> bool:
    """Return whether `own` would be one region with any that is taken."""
    return any(len(list(_apart(shifted, own | region.tiles))) == 1 for region in taken)


def _measured_again(shifted: Level, covering: Mapping[Seam, Tiles], region: _Region) -> dict[Seam, Seam]:
    """Return each bad seam of a region as it is once the region is taken: the worst rim of the tiles that cover it.

    A rim of tiles that cover none of them counts for the worst seam, so that every rim counts.
    """
    worst = worst_first(region.bad)[0]
    found: dict[Seam, list[Seam]] = {seam: [] for seam in region.bad}
    for rim in region.rims:
        own = [seam for seam in region.bad if covering[seam].intersection(_tiles_of(shifted, rim))]
        for seam in own or [worst]:
            found[seam].append(rim)
    nothing = replace(worst, pixels=0, mean=0.0, p99=0.0, worst=0.0, step_ratio=1.0)
    return {
        seam: replace(worst_first(rims or [nothing])[0], across=seam.across, row=seam.row, col=seam.col)
        for seam, rims in found.items()
    }


def _repaired(scene: Scene, shifted: Level, kept: Journal, chosen: Tiles, block: Box) -> Alpha | None:
    """Return what a block becomes when the `chosen` shifted tiles are faded in, or None if it stays."""
    parts = [
        (i, j, Box(rows, cols))
        for i, rows in _parts(shifted.rows, block.rows)
        for j, cols in _parts(shifted.cols, block.cols)
    ]
    if not any(chosen.intersection(touching(shifted, i, j)) for i, j, _ in parts):
        return None
    out = np.empty(block.shape, np.float32)
    for i, j, part in parts:
        near = _recalled(kept, shifted, chosen.intersection(touching(shifted, i, j)))
        # Unrolled, a part may lie one turn before the block.
        shift = 0 if part.cols.start >= block.cols.start else shifted.shape[1]
        here = Box(part.rows, part.cols.shift(shift)).within(block)
        out[here.slices] = mix(shifted, i, j, part, near, lambda box: _on_canvas(scene, shifted, box))
    return out


def _parts(axis: Axis, span: Span) -> Iterator[tuple[int, Span]]:
    """Yield each block of `axis` that meets a span of real pixels, and the part that does, unrolled."""
    for index in range(axis.count):
        for turn in (0, axis.size) if axis.wraps else (0,):
            part = axis.block(index).clip(span.shift(-turn))
            if part.size:
                yield index, part


def _covering(level: Level, shifted: Level, seam: Seam) -> Tiles:
    """Return the shifted tiles whose support meets the strip in which the two tiles of `seam` cross-fade."""
    box = overlap_box(level, seam)
    return frozenset((i, j) for i in _meeting(shifted.rows, box.rows) for j in _meeting(shifted.cols, box.cols))


def _meeting(axis: Axis, span: Span) -> Iterator[int]:
    turns = (-axis.size, 0, axis.size) if axis.wraps else (0,)
    for index in range(axis.count):
        if any(axis.support(index).shift(turn).clip(span).size for turn in turns):
            yield index


def _around(shifted: Level, i: int, j: int) -> Iterator[Tile]:
    """Yield the blocks to which the four rims of a tile belong."""
    yield i, j
    if i + 1 < shifted.rows.count:
        yield i + 1, j
    if j + 1 < shifted.cols.count or shifted.cols.wraps:
        yield i, (j + 1) % shifted.cols.count


def _tiles_of(shifted: Level, rim: Seam) -> list[Tile]:
    return [(i, j % shifted.cols.count) for i, j in rim.tiles]


def _recalled(kept: Journal, shifted: Level, tiles: Iterable[Tile]) -> dict[Tile, Alpha]:
    return {(i, j): kept.recall(shifted.index, i, j, shifted.support(i, j).shape) for i, j in tiles}


def _on_canvas(scene: Scene, level: Level, box: Box) -> Alpha:
    return window(lambda part: scene.canvas.alpha(level.index, part), box, level)
