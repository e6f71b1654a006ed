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
# A large picture is matted in tiles that overlap. Each tile has its own alpha, and in the overlap the two alphas are
# cross-faded. Their disagreement is measured during the run, at every seam. This notebook shows it.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

from tiler import Settings, figures, matte

picture = Path(os.environ.get("TILER_PICTURE", "../examples/portrait.jpg"))
path = Path(tempfile.mkdtemp()) / "snapshot.npz"
report = matte(picture, path.with_name("alpha.png"), Settings.of(alpha_only=True, snapshot=path))
snapshot = figures.load(path)

# %% [markdown]
# The worst places: their disagreement in steps of an 8-bit alpha, and their position in pixels of the full picture. The
# limit is the difference that fusing allows between two neighbours. A seam above the limit means that a tile failed.

# %%
print(snapshot.summary(report.seams))

# %% [markdown]
# All seams over the picture. Most lines are faint, because most tiles agree. `grid=True` draws also the lines between
# blocks whose tiles did not run, because the smaller level was already certain there.

# %%
figures.heat_map(snapshot, grid=True)

# %% [markdown]
# The ten worst places, at the full size of their level. Compare the two tiles: a strand of hair that one tile has and
# the other has not fades out in the blend. If you see no difference between the tiles, the seam cannot be seen either.

# %%
figures.worst_crops(snapshot)

# %%
figures.histogram(snapshot)

# %% [markdown]
# `repair=True` repairs bad seams: the tiles beside them are run again on a grid that is shifted by half a tile, and the
# result is kept where it agrees better. The run above has no bad seam, so the next cell makes a worse run on purpose:
# its tiles overlap by 16 px only, and may add to what the smaller level found. Seams that changed are red. Seams below
# the line got better.

# %%
snapshots = {}
for repair in (False, True):
    settings = Settings.of(alpha_only=True, overlap_px=16, dense_levels=1, repair=repair, snapshot=path)
    report = matte(picture, path.with_name("alpha.png"), settings)
    snapshots[repair] = figures.load(path)
for level in report.levels:
    print(f"level {level.level}: {level.repair.summary()}")

# %%
figures.repair(snapshots[False].seams, snapshots[True].seams)
