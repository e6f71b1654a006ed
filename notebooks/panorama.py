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
# The left edge of a full panorama is the neighbour of its right edge. With `wrap` tiles reach around the join, so that
# it is a seam like any other: measured, and no worse than the rest. Full panoramas usually say so themselves in their
# metadata; then `wrap` is not needed.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

from tiler import Settings, figures, matte
from tiler.core.seams import judge
from tiler.inspect.snapshot import load

picture = Path(os.environ.get("TILER_PICTURE", "../examples/portrait.jpg"))
folder = Path(tempfile.mkdtemp())

# %%
settings = Settings.of(alpha_only=True, wrap=True, snapshot=folder / "look.npz")
report = matte(picture, folder / "alpha.png", settings)
look = load(folder / "look.npz")
figures.heat_map(look, grid=True)

# %% [markdown]
# The seams at the join alone. Their tiles are the last column's, counted -1, and the first.

# %%
join = [seam for seam in look.seams if seam.across == "cols" and seam.col == 0]
print(look.tell(judge(join)))
