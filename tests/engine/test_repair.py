"""Repair on pictures small enough to know every answer; the planted faults are tiles that lie."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import ArrayPicture, LiesInTiles, RecordedProgress, RedIsAlpha, take_tile
from tests.strategies import plans
from tiler.core.constraint import TOLERANCE
from tiler.core.fusion import fuse
from tiler.core.geometry import Box, Span
from tiler.core.plan import make_plan
from tiler.core.seams import LIMIT, judge
from tiler.engine.graph import on_threads
from tiler.engine.repair import repair, shifted_by_half
from tiler.engine.scene import Scene
from tiler.engine.solve import solve
from tiler.errors import ModelError
from tiler.model.retry import NoAnswerError
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal

PLAN = make_plan((256, 320), guide_px=64, tile_px=96, overlap_px=16)
REPAIRING = partial(repair, fuse=fuse)


class Sometimes(LiesInTiles):
    """Lies in about every second tile, as the tile's own bytes decide."""

    def alpha(self, rgb):
        return RedIsAlpha().alpha(rgb) if int(rgb.sum()) % 2 else super().alpha(rgb)


class LiesOnce(RedIsAlpha):
    """Says nothing is there in the one tile of level 0 whose pixels it is told, and is right elsewhere."""

    def __init__(self, rgb):
        self.rgb = rgb.astype(np.float32)

    def alpha(self, rgb):
        return super().alpha(rgb) * (0 if np.array_equal(rgb, self.rgb) else 1)


def disc(plan):
    """A soft disc, red on green: sure inside, sure outside, uncertain between."""
    height, width = plan.shapes[0]
    y, x = np.mgrid[:height, :width]
    red = np.clip((0.35 - np.hypot(y - height / 2, x - width / 2) / min(height, width)) * 8 + 0.5, 0, 1) * 255
    return np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)


def scene_of(folder, plan, network, fusing=fuse, **more):
    canvas, journal = Canvas(folder / "canvas", plan), Journal(folder / "journal")
    return Scene(plan, ArrayPicture(disc(plan), plan), network, fusing, canvas, journal, RecordedProgress(), **more)


def alphas(scene):
    return [scene.canvas.steps(level.index, Box.whole(level.shape)) for level in scene.plan.levels]


def same(one, other):
    return (
        all((a == b).all() for a, b in zip(alphas(one), alphas(other), strict=True))
        and one.canvas.seams() == other.canvas.seams()
    )


def bad_and_mended(folder, plan, network, fusing=take_tile, repairing=REPAIRING):
    """Run twice, and return the scene that is left as it is, the one that is repaired, and the reports of that."""
    bad, good = scene_of(folder / "bad", plan, network, fusing), scene_of(folder / "good", plan, network, fusing)
    solve(bad, on_threads(2), dense=True)
    return bad, good, solve(good, on_threads(2), dense=True, repair=repairing)


@pytest.mark.parametrize("lie", ["zeros", "ones", "noise"])
def test_a_run_made_bad_on_purpose_comes_to_less_than_half(lie, tmp_path):
    """Tiles that say anything, not fused, with little overlap: fused shifted tiles put them right."""
    bad, good, reports = bad_and_mended(tmp_path, PLAN, Sometimes(PLAN.shapes[-1], lie))
    before, after = judge(bad.canvas.seams()), judge(good.canvas.seams())
    assert before.worst[0].worst > 2 * LIMIT
    assert after.worst[0].worst < before.worst[0].worst / 2
    assert after.count == before.count
    mendings = [report.repair for report in reports]
    assert all(told.above == told.repaired + told.left for told in mendings)
    assert mendings[-1].above > 0
    assert mendings[-1].worst_after < mendings[-1].worst_before / 2
    assert sum(told.left for told in mendings) == after.above < before.above
    truth = disc(PLAN)[..., 0] / 255
    errors = [np.abs(alphas(scene)[0] / 65535 - truth).mean() for scene in (bad, good)]
    assert errors[1] < errors[0] / 2


def test_one_tile_that_lies_is_mended_and_nothing_far_from_it_changes(tmp_path):
    plan = make_plan((320, 480), guide_px=64, tile_px=96, overlap_px=16)
    level = plan.levels[0]
    i, j = 2, 3  # its right half holds the disc's edge
    box = level.read(i, j)
    bad, good, reports = bad_and_mended(tmp_path, plan, LiesOnce(disc(plan)[box.slices]))
    told = reports[-1].repair
    assert 2 <= told.above <= 4
    assert told.repaired == told.above
    assert told.tiles_run < level.count / 2
    changed = np.argwhere(alphas(bad)[0] != alphas(good)[0])
    assert len(changed)
    reach = level.rows.block_px * 2
    assert (changed.min(axis=0) >= [box.rows.start - reach, box.cols.start - reach]).all()
    assert (changed.max(axis=0) < [box.rows.stop + reach, box.cols.stop + reach]).all()
    truth = disc(plan)[..., 0] / 255
    assert np.abs(alphas(good)[0] / 65535 - truth).max() < 0.3 < np.abs(alphas(bad)[0] / 65535 - truth).max()


@settings(max_examples=8, deadline=None)
@given(plans(most_px=36), st.sampled_from(["zeros", "noise"]), st.sampled_from([fuse, None]))
def test_no_level_is_worse_for_it(tmp_path_factory, plan, lie, mending_fuse):
    """Whatever the plan, the join, the lie, and with what is repaired."""
    network = Sometimes(plan.shapes[-1], lie)
    scene = scene_of(tmp_path_factory.mktemp("run"), plan, network, take_tile)
    for report in solve(scene, on_threads(1), dense=True, repair=partial(repair, fuse=mending_fuse)):
        told = report.repair
        assert told.worst_after <= told.worst_before
        assert told.above == told.repaired + told.left
        worst = max((seam.worst for seam in scene.canvas.seams_of(report.level) if seam.worst > LIMIT), default=0.0)
        assert worst == (told.worst_after if told.left else 0.0)


LONG = make_plan((48, 480), guide_px=48, tile_px=64, overlap_px=16)
SLOPE = np.repeat((60 + np.arange(480, dtype=np.uint8) // 4)[None, :, None], 48, axis=0).repeat(3, axis=2)


@dataclass
class Wrong(RedIsAlpha):
    """Right, but for a factor in those tiles of `SLOPE` that it is told."""

    factors: dict[Span, float]

    def alpha(self, rgb):
        told = [factor for cols, factor in self.factors.items() if np.array_equal(rgb, SLOPE[:, cols.slice])]
        return super().alpha(rgb) * np.float32(told[0] if told else 1)


def mended_slope(folder, factors):
    scene = scene_of(folder, LONG, Wrong(factors))
    scene.picture.levels[0] = SLOPE
    (report,) = solve(scene, on_threads(1), repair=repair)
    assert report.repair.above == report.repair.repaired + report.repair.left
    return np.abs(alphas(scene)[0] / 65535 - SLOPE[..., 0] / 255), report.repair


def test_at_the_base_which_has_no_guide_the_shifted_tiles_speak_for_themselves(tmp_path):
    (base,) = LONG.levels
    error, told = mended_slope(tmp_path, {base.cols.read(2): 0.0})
    assert told.above == told.repaired == 2
    assert error.max() < 1e-4


def test_what_a_part_gains_is_kept_where_the_whole_would_lose(tmp_path):
    """Two faults in a row of tiles: at the one the shifted tiles are right, at the other they are worse."""
    (base,) = LONG.levels
    shifted = shifted_by_half(base).cols
    faults = {base.cols.read(1): 0.5, base.cols.read(4): 0.5}
    error, told = mended_slope(tmp_path, {**faults, shifted.read(4): 0.0, shifted.read(5): 0.0})
    assert told.above == 4
    assert told.repaired == told.left == 2
    assert error[:, base.cols.block(1).slice].max() < 1e-4
    assert error[:, base.cols.block(4).slice].max() == pytest.approx(
        SLOPE[0, base.cols.block(4).stop, 0] / 510, abs=0.01
    )


def test_where_nothing_is_bad_nothing_runs_and_nothing_changes(tmp_path):
    bad, good, reports = bad_and_mended(tmp_path, PLAN, RedIsAlpha())
    assert same(bad, good)
    assert all(report.repair.tiles_run == report.repair.above == 0 for report in reports)
    assert not list(tmp_path.rglob("*staged*"))


@pytest.mark.parametrize("lie", ["zeros", "ones", "noise"])
def test_law_2_holds_for_what_is_mended(lie, tmp_path):
    """Every level is guided by the repaired one below, and averaged over 8 guide pixels is that one enlarged."""
    plan = make_plan((256, 320), guide_px=128, tile_px=96, overlap_px=16)
    network = LiesInTiles(plan.shapes[-1], lie)
    scene = scene_of(tmp_path / "told", plan, network)
    # A limit of nothing: all that can be repaired is, in a run that is fused.
    reports = solve(scene, on_threads(2), dense=True, repair=partial(repair, limit=1e-6))
    assert sum(report.repair.tiles_run for report in reports) > 0 or lie != "noise"
    guide_only = scene_of(tmp_path / "guide", plan, RedIsAlpha(), lambda _tile, guide, *_: guide)
    solve(guide_only, on_threads(2))
    difference = (alphas(scene)[0].astype(float) - alphas(guide_only)[0]) / 65535
    assert np.abs(difference.reshape(16, 16, 20, 16).mean(axis=(1, 3))).max() < TOLERANCE


@pytest.mark.parametrize("wraps", [False, True])
def test_law_3_threads_do_not_matter(wraps, tmp_path):
    plan = make_plan((200, 300), guide_px=48, tile_px=64, overlap_px=16, wraps=wraps)
    network = Sometimes(plan.shapes[-1], "noise")
    runs = []
    for threads in (1, 8):
        scene = scene_of(tmp_path / str(threads), plan, network, take_tile)
        reports = solve(scene, on_threads(threads), dense=True, repair=REPAIRING)
        assert sum(report.repair.tiles_run for report in reports) > 0
        runs.append(scene)
    assert same(*runs)


def test_a_panorama_is_mended_across_its_join_as_anywhere(tmp_path):
    """Rolled by two blocks, so that the bad tile lies at the join, the matte is the rolled one."""
    plan = make_plan((192, 384), guide_px=48, tile_px=64, overlap_px=16, wraps=True)
    assert all(level.shape[1] % (4 * level.cols.block_px) == 0 for level in plan.levels[:-1])
    level = plan.levels[0]
    lie = disc(plan)[level.read(1, 3).slices]
    runs = []
    for blocks in (0, 3 * level.cols.block_px):
        scene = scene_of(tmp_path / str(blocks), plan, LiesOnce(lie), take_tile)
        rolled = scene.picture.levels[0]
        scene.picture.levels[:] = [
            np.roll(one, -blocks * one.shape[1] // level.shape[1], 1) for one in scene.picture.levels
        ]
        assert (scene.picture.levels[0] == np.roll(rolled, -blocks, 1)).all()
        (repaired,) = [r.repair for r in solve(scene, on_threads(1), dense=True, repair=REPAIRING) if r.repair.above]
        assert repaired.left == 0
        runs.append(np.roll(alphas(scene)[0], blocks, axis=1))
    assert (runs[0] == runs[1]).all()


class Stopped(Exception):  # noqa: N818
    """The process ends here."""


def test_stopped_anywhere_and_continued_it_gives_the_bytes_of_the_straight_run(tmp_path, monkeypatch):
    """Before each shifted tile, each block staged, the commit, each block written: all moments in turn."""
    plan = make_plan((120, 150), guide_px=48, tile_px=64, overlap_px=16)
    left = [10**9]

    def counted(function):
        def call(*arguments, **more):
            left[0] -= 1
            if left[0] < 0:
                raise Stopped
            return function(*arguments, **more)

        return call

    for owner, names in {
        Canvas: ["stage_block", "commit", "apply_staged", "_write"],
        Journal: ["forget", "keep"],
    }.items():
        for name in names:
            monkeypatch.setattr(owner, name, counted(getattr(owner, name)))

    def run(folder, moments=10**9):
        left[0] = moments
        scene = scene_of(folder, plan, Sometimes(plan.shapes[-1], "zeros"), take_tile)
        return scene, solve(scene, on_threads(1), dense=True, repair=REPAIRING)

    straight, told = run(tmp_path / "straight")
    moments = 10**9 - left[0]
    assert sum(report.repair.above for report in told) > 0
    for moment in range(0, moments, 11):
        folder = tmp_path / str(moment)
        with pytest.raises(Stopped):
            run(folder, moment)
        with suppress(Stopped):  # and again, half of the rest later
            run(folder, (moments - moment) // 2)
        scene, reports = run(folder)
        assert same(scene, straight), moment
        assert [report.repair for report in reports] == [report.repair for report in told]


class NoAnswer(Sometimes):
    """Gives no answer for tiles of the shifted grid, which it knows by having been asked for all others before."""

    def alpha(self, rgb):
        if self.silent:
            raise NoAnswerError("no room")
        return super().alpha(rgb)


def test_without_an_answer_the_seams_stay_and_strict_fails(tmp_path):
    network = NoAnswer(PLAN.shapes[-1], "zeros")

    def silent_when_mending(scene, level, run):
        network.silent = True
        try:
            return REPAIRING(scene, level, run)
        finally:
            network.silent = False

    network.silent = False
    bad, good, reports = bad_and_mended(tmp_path, PLAN, network, repairing=silent_when_mending)
    assert same(bad, good)
    assert reports[-1].repair.left == reports[-1].repair.above > 0
    assert reports[-1].repair.tiles_run == 0
    assert any("left as it is" in note for note in good.progress.notes)
    with pytest.raises(ModelError, match="no room"):
        solve(
            scene_of(tmp_path / "strict", PLAN, network, take_tile, strict=True),
            on_threads(2),
            dense=True,
            repair=silent_when_mending,
        )
