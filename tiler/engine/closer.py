"""A closer look: subjects that are small in the frame are asked again by themselves, at the working size of the guide.

Subjects are the small parts of the base and, in a wide frame, what a search finds: windows at two and four times the
scale of the base. Each gets a crop with a margin, which is shown to the network in all views. Where the consensus
confirms the subject, it takes the place of the guide in the level whose pixels show the crop at about that size; finer
levels inherit it. A subject that fills a large part of the frame gets no closer look.
"""

import numpy as np

from tiler.core.consensus import Consensus, consensus
from tiler.core.geometry import Axis, Box
from tiler.core.plan import Level
from tiler.core.subjects import (
    CONFIRMED,
    PLAIN,
    SAME,
    agreed,
    crop_around,
    each_once,
    in_common,
    lone_subjects,
    parts,
    scaled,
    small_subjects,
)
from tiler.engine.answer import shown
from tiler.engine.graph import Graph, Runner
from tiler.engine.scene import Alpha, Scene
from tiler.errors import ModelError
from tiler.model.retry import NoAnswerError
from tiler.model.views import AS_IT_IS, View, answer_of, fine_of
from tiler.store.looks import Look, Looks

# The windows of the search show the picture so many times larger than the base does. A person of 4 % of the frame's
# height is 20 px high in a base of 512 px, where no network finds it, and 80 px in the closest windows. One of 16 %
# is 80 px high in the base, too low to be sure, and 160 px in the others.
ZOOMS = (4, 2)
# A frame so many times longer than its short side is wide: a landscape, in which people may be small.
WIDE = 1.9
# Neighbouring windows share 3/8 of their side, so that a subject up to that size is whole in one of them.
OVERLAP = 3 / 8
# The views of a crop agree on a person (their mean distance is 0.01), and not on what they imagine in a ground (0.3).
# Where the crop shows the same box as the windows of a search, one view in six may fail altogether.
SURE, SURE_OF_SAME = 0.1, 0.17
# No more subjects than this get a closer look, so that a crowd costs no more than some minutes.
MOST = 64


def look_closer(scene: Scene, run: Runner) -> None:
    """Find the small subjects of `scene`, whose base is on the canvas, and keep a closer answer to each.

    Raises ModelError if a window or a crop gets no answer.
    """
    looks = scene.looks
    if looks is None or looks.chosen() is not None or scene.hints.guide is not None or len(scene.plan.levels) == 1:
        return
    windows = _windows(scene)
    _run(
        scene,
        run,
        "searching for small subjects",
        {
            ("window", k): (_search, scene, scene.plan.levels[-1], k, zoom, box)
            for k, (zoom, box) in enumerate(windows)
            if looks.window(k) is None
        },
    )
    subjects = _subjects(scene, looks, len(windows))
    crops = [_look_at(scene, k, box) for k, (box, _) in enumerate(subjects)]
    _run(
        scene,
        run,
        "a closer look",
        {
            ("crop", look.number): (_ask, scene, scene.plan.levels[look.level], look)
            for look in crops
            if not looks.has_answer(look.number)
        },
    )
    confirmed = [k for k, (box, searched) in enumerate(subjects) if _is_confirmed(scene, crops[k], box, searched)]
    full = scene.plan.levels[0]
    once = each_once([subjects[k][0] for k in confirmed], full.cols.size if full.cols.wraps else None)
    looks.choose([crops[confirmed[k]] for k in once])


def _run(scene: Scene, run: Runner, stage: str, tasks: Graph) -> None:
    if tasks:
        scene.progress.stage(stage, len(tasks))
        run(tasks, sorted(tasks))


def _windows(scene: Scene) -> list[tuple[int, Box]]:
    """Return the windows of the search, each with its zoom, at whose scale it is, unrolled.

    There are none where the frame is not wide, and none at zooms that the picture does not hold.
    """
    base = scene.plan.levels[-1]
    side_px = min(base.shape)
    found = []
    for zoom in ZOOMS if max(base.shape) >= WIDE * side_px else ():
        if min(scene.plan.shapes[0]) < zoom * side_px:
            continue
        rows = Axis.tiled(zoom * base.shape[0], side_px, round(OVERLAP * side_px))
        cols = Axis.tiled(zoom * base.shape[1], side_px, round(OVERLAP * side_px), wraps=base.cols.wraps)
        found += [(zoom, Box(rows.read(i), cols.read(j))) for i in range(rows.count) for j in range(cols.count)]
    return found


def _search(scene: Scene, base: Level, number: int, zoom: int, window: Box) -> None:
    """Keep the boxes, in pixels of the picture, of what stands alone in a window and in its mirror image."""
    assert scene.looks is not None
    zoomed = (zoom * base.shape[0], zoom * base.shape[1])
    first = _seen(scene, zoomed, window, AS_IT_IS)
    found = lone_subjects(first)
    if found:
        found = lone_subjects(first, _seen(scene, zoomed, window, View(1.0, mirrored=True)))
    moved = [Box(box.rows.shift(window.rows.start), box.cols.shift(window.cols.start)) for box in found]
    scene.looks.keep_window(number, [scaled(box, zoomed, scene.plan.shapes[0]) for box in moved])
    scene.progress.advance()


def _subjects(scene: Scene, looks: Looks, windows: int) -> list[tuple[Box, bool]]:
    """Return the boxes of the subjects, in pixels of the picture, and whether the search alone has found them."""
    base, full = scene.plan.levels[-1], scene.plan.levels[0]
    small = small_subjects(scene.canvas.alpha(base.index, Box.whole(base.shape)))
    in_base = [scaled(box, base.shape, full.shape) for box in small]
    searched = [box for k in range(windows) for box in looks.window(k) or []]
    once = agreed(searched, full.cols.size if full.cols.wraps else None)
    found = [(box, True) for box in once] + [(box, False) for box in in_base]
    return sorted(found, key=lambda one: -max(one[0].shape))[:MOST]


def _look_at(scene: Scene, number: int, subject: Box) -> Look:
    """Return the crop around a subject, in the level whose pixels show it at the working size of the guide or more."""
    full, side_px = scene.plan.levels[0], min(scene.plan.shapes[-1])
    crop = crop_around(subject, full.shape, wraps=full.cols.wraps)
    fitting = [
        level.index for level in scene.plan.levels[:-1] if crop.rows.size * level.shape[0] / full.shape[0] >= side_px
    ]
    level = scene.plan.levels[max(fitting, default=0)]
    return Look(number, level.index, scaled(crop, full.shape, level.shape))


def _ask(scene: Scene, level: Level, look: Look) -> None:
    """Keep the consensus of all views of a crop."""
    assert scene.looks is not None
    answers = [_seen(scene, level.shape, look.crop, view) for view in scene.views]
    found = consensus(answers, fine_of(scene.views), min(scene.plan.shapes[-1]))
    scene.looks.keep_answer(look.number, found)
    scene.progress.advance()


def _seen(scene: Scene, shape: tuple[int, int], box: Box, view: View) -> Alpha:
    """Return the network's answer to a view of a square `box` of the picture at `shape`, at the guide's size."""
    side_px = min(scene.plan.shapes[-1])
    view_px = max(1, round(side_px * view.scale))
    finer = [level for level in scene.plan.levels if level.shape[0] >= shape[0] * view_px / box.rows.size]
    level = finer[-1] if finer else scene.plan.levels[0]
    try:
        return answer_of(scene.network, shown(scene, level, box, shape, (view_px, view_px)), view, (side_px, side_px))
    except NoAnswerError as error:
        raise ModelError(
            f"a closer look: the network failed twice: {error}",
            "Choose fewer --threads or a smaller --guide-px if memory ran out. The same command continues.",
        ) from error


def _is_confirmed(scene: Scene, look: Look, subject: Box, searched: bool) -> bool:
    """Return whether the closer answer shows the subject, where the base or the search has."""
    assert scene.looks is not None
    answer, level = scene.looks.answer(look.number), scene.plan.levels[look.level]
    here = scaled(subject, scene.plan.shapes[0], level.shape).within(look.crop)
    box = scaled(here, look.crop.shape, answer.alpha.shape)
    answer_parts = [
        (in_common(part.box, box), float(answer.spread[part.box.slices][part.where].mean()))
        for part in parts(answer.alpha)
    ]
    sure = any(
        (common >= CONFIRMED and spread <= SURE) or (searched and common >= SAME and spread <= SURE_OF_SAME)
        for common, spread in answer_parts
    )
    return sure and (not searched or _border(answer) <= PLAIN)


def _border(answer: Consensus) -> float:
    """Return the mean alpha along the border of a crop."""
    alpha = answer.alpha
    return float(np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]).mean())
