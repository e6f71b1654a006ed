# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Where tiles meet
#
# A large picture is matted in tiles. Where two of them overlap each gives its own answer, and the two are cross-faded.
# How far the answers are apart is measured during the run, for every seam; here they are looked at.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

from tiler import Settings, figures, matte
from tiler.core.seams import judge
from tiler.inspect.snapshot import load

picture = Path(os.environ.get("TILER_PICTURE", "../examples/portrait.jpg"))
kept = Path(tempfile.mkdtemp()) / "look.npz"
report = matte(picture, kept.with_name("alpha.png"), Settings.of(alpha_only=True, snapshot=kept))
look = load(kept)

# %% [markdown]
# The worst places, in steps of 255 and in pixels of the full picture. The limit is what fusing allows two neighbours:
# a seam above it means that a tile failed.

# %%
print(look.tell(judge(look.seams)))

# %% [markdown]
# All seams over the picture. Most are too faint to be drawn strongly, which is as it should be. `grid=True` adds the
# lines between blocks whose tiles did not run, because the smaller picture had already solved them.

# %%
figures.heat_map(look, grid=True)

# %% [markdown]
# The ten worst places near by, at the full size of their level. Compare the two tiles: a strand that one has and the
# other has not fades out in the blend. If you cannot see a difference, nobody will see the seam.

# %%
figures.worst_crops(look)

# %%
figures.histogram(look)

# %% [markdown]
# `repair=True` runs the tiles along bad seams once more, on a grid that is shifted by half a tile, and keeps what
# agrees better. A sound run has nothing to repair, so here is a worse one: tiles that hardly overlap and may add to
# what the smaller picture found. Red are the seams that changed; below the line is better.

# %%
looks = {}
for repair in (False, True):
    settings = Settings.of(alpha_only=True, overlap_px=16, dense_levels=1, repair=repair, snapshot=kept)
    report = matte(picture, kept.with_name("alpha.png"), settings)
    looks[repair] = load(kept)
for level in report.levels:
    print(f"level {level.level}: {level.mending.tell()}")

# %%
figures.mending(looks[False].seams, looks[True].seams)
