from dataclasses import replace

import numpy as np
import pytest

from tests.snapshots import a_snapshot

pytest.importorskip("matplotlib", reason="figures need the extra `notebook`")
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba

from tiler.inspect import figures


def pixels(figure):
    figure.set_dpi(20)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_the_heat_map_draws_each_seam_where_it_is_and_the_worst_last():
    snapshot = a_snapshot()
    axes = figures.heat_map(snapshot).axes[0]
    (lines,) = axes.collections
    drawn = lines.get_segments()
    assert len(drawn) == len(snapshot.seams) > 0
    strength = lines.get_array()
    assert (np.diff(strength) >= 0).all()
    assert strength[-1] == pytest.approx(snapshot.seams[0].worst * 255)
    top, bottom, left, right = snapshot.places[0] * np.array(
        [snapshot.shape[0], snapshot.shape[0], snapshot.shape[1], snapshot.shape[1]]
    )
    x, y = drawn[-1].T
    assert left <= x.min() <= x.max() <= right
    assert top <= y.min() <= y.max() <= bottom


def test_grid_lines_come_on_request_and_a_level_alone_on_request():
    snapshot = a_snapshot()
    without, with_grid = figures.heat_map(snapshot), figures.heat_map(snapshot, grid=True)
    assert len(with_grid.axes[0].collections) == len(without.axes[0].collections) + 2
    assert (pixels(without) != pixels(with_grid)).any()
    other = replace(snapshot, seams=tuple(replace(seam, level=k % 2) for k, seam in enumerate(snapshot.seams)))
    assert len(figures.heat_map(other, level=1).axes[0].collections[0].get_segments()) == len(snapshot.seams) // 2


def test_close_ups_show_five_views_of_every_place_with_its_coordinates():
    snapshot = a_snapshot()
    figure = figures.worst_crops(snapshot, 2)
    assert len(figure.axes) == 10
    row, col = snapshot.full_position(snapshot.crops[0].seam)
    assert f"col {col}, row {row}" in figure.axes[0].get_ylabel()
    assert "30.0 of 255" in figure.axes[0].get_ylabel()
    assert {axes.get_title() for axes in figure.axes} >= {"picture", "guide", "blend"}
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), snapshot.crops[0].picture)


def test_the_histogram_counts_every_seam_once():
    snapshot = a_snapshot()
    axes = figures.histogram(snapshot).axes[0]
    assert sum(patch.get_height() for patch in axes.patches) == len(snapshot.seams)


def test_the_figure_of_a_repair_counts_what_changed():
    before = a_snapshot().seams
    after = [replace(seam, worst=seam.worst / 2) if k < 2 else seam for k, seam in enumerate(before)]
    names = [text.get_text() for text in figures.repair(before, after).axes[0].get_legend().get_texts()]
    assert names == [f"{len(before) - 2} unchanged", "2 changed"]


@pytest.mark.parametrize("off", [0, 30 / 255])
def test_every_figure_draws_also_of_a_run_without_seams(off):
    snapshot = a_snapshot(off)
    empty = replace(snapshot, seams=(), places=np.zeros((0, 4)), crops=())
    for one in (snapshot, empty):
        for figure in (figures.heat_map(one, grid=True), figures.worst_crops(one), figures.histogram(one)):
            assert pixels(figure).std() > 0
    assert pixels(figures.repair((), ())).std() > 0


def test_colours_grow_darker_as_seams_grow_worse():
    luminance = [np.dot(to_rgba(figures.SEAM_COLOURS(k / 10))[:3], (0.2126, 0.7152, 0.0722)) for k in range(11)]
    assert (np.diff(luminance) < 0).all()


def test_each_place_to_look_at_is_framed_where_it_is():
    snapshot = a_snapshot()
    axes = figures.look_here(snapshot).axes[0]
    (frame,) = axes.patches
    (place,) = snapshot.look_here
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (
        place.left,
        place.top,
        place.width,
        place.height,
    )
    assert pixels(figures.look_here(replace(snapshot, look_here=()))).any()


def test_the_cutout_is_drawn_over_each_background():
    snapshot = a_snapshot()
    assert [axes.get_title() for axes in figures.on_backgrounds(snapshot).axes] == [
        "on white",
        "on black",
        "on #00b140",
    ]
    picture = np.full((40, 30, 3), 90, np.uint8)
    figure = figures.on_backgrounds(snapshot, "navy", picture)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert shown[0][0, 0].tolist() == [0, 0, 128]
    assert shown[1][0, 0].tolist() == [90, 90, 90]
    assert pixels(figure).any()
