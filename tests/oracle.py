"""The engine as nested loops that anyone can read: what every schedule of the real one must equal, bit for bit."""

from tiler.core.blending import blend
from tiler.core.guide import enlarge, uncertain_tiles
from tiler.engine.scene import Scene, window
from tiler.image.colour import to_network


def solve(scene: Scene, *, dense: bool = False) -> None:
    for level in reversed(scene.plan.levels):
        is_base = level is scene.plan.levels[-1]

        def below(box, level=level):
            return scene.canvas.alpha(level.index + 1, box)

        def guide(box, level=level, below=below):
            return enlarge(below, box, level, scene.plan.levels[level.index + 1])

        tiles = {}
        running = frozenset(level.tiles)
        if not (is_base or dense):
            running = uncertain_tiles(below, level, scene.plan.levels[level.index + 1])
        for i, j in level.tiles:
            if (i, j) in running:
                box = level.read(i, j)
                rgb = to_network(window(lambda part, level=level: scene.picture.read(level.index, part), box, level))
                alpha = scene.network.alpha(rgb)
                if not is_base:
                    alpha = scene.fuse(alpha, guide(box), rgb, max(level.guide_scale), None)
                tiles[i, j] = alpha[level.support(i, j).within(box).slices]
        for i, j in level.tiles:
            scene.canvas.write(level.index, i, j, blend(level, i, j, tiles, guide))
