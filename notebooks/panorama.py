# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A panorama that closes
#
# In a panorama of a full turn, the left edge continues at the right edge. With `wrap=True` tiles reach across this
# join, and the join is a seam like all others: it is measured, and it is as good as they are. The metadata of most
# panoramas says that they are a full turn, and then `wrap` need not be given.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

from tiler import Settings, figures, matte
from tiler.core.seams import judge

picture = Path(os.environ.get("TILER_PICTURE", "../examples/portrait.jpg"))
folder = Path(tempfile.mkdtemp())

# %%
settings = Settings.of(alpha_only=True, wrap=True, snapshot=folder / "snapshot.npz")
report = matte(picture, folder / "alpha.png", settings)
snapshot = figures.load(folder / "snapshot.npz")
figures.heat_map(snapshot, grid=True)

# %% [markdown]
# The seams at the join alone. They lie between the last column of tiles, which has the number -1 here, and the first.

# %%
join = [seam for seam in snapshot.seams if seam.across == "cols" and seam.col == 0]
print(snapshot.summary(judge(join)))
