"""Scenes in memory, and schedulers that run their tasks in any order that the graph allows."""

import random

import numpy as np

from tests.fakes import ArrayCanvas, ArrayPicture, EmptyJournal, RecordedProgress
from tiler.core.fusion import fuse
from tiler.engine.scene import Scene


def scene_of(plan, network, fusing=fuse, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*plan.shapes[0], 3), dtype=np.uint8)
    return Scene(
        plan, ArrayPicture(pixels, plan), network, fusing, ArrayCanvas(plan), EmptyJournal(), RecordedProgress()
    )


def portrait(plan, network, fusing=fuse):
    """A soft disc on a dark ground: sure inside, sure outside, uncertain between."""
    height, width = plan.shapes[0]
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2) / min(height, width)
    red = np.clip((0.35 - distance) * 12 + 0.5, 0, 1) * 255
    pixels = np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)
    return Scene(
        plan, ArrayPicture(pixels, plan), network, fusing, ArrayCanvas(plan), EmptyJournal(), RecordedProgress()
    )


def one_by_one(choose):
    """A scheduler with a will of its own: of the tasks whose needs are met, it runs the one that `choose` picks."""

    def run(tasks, keys):
        done, waiting = {}, dict(tasks)

        def value(argument):
            if isinstance(argument, list):
                return [value(item) for item in argument]
            return done[argument] if argument in keys_of_tasks else argument

        keys_of_tasks = set(tasks)
        needs = needs_of(tasks)
        while waiting:
            key = choose([key for key in waiting if needs[key] <= done.keys()])
            function, *args = waiting.pop(key)
            done[key] = function(*[value(argument) if isinstance(argument, list) else argument for argument in args])
        return [done[key] for key in keys]

    return run


def needs_of(tasks):
    """Return the keys that each task names among its arguments."""
    return {key: {k for a in args if isinstance(a, list) for k in a if k in tasks} for key, (_, *args) in tasks.items()}


def in_any_order(seed):
    return one_by_one(random.Random(seed).choice)
