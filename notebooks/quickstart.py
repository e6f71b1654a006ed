# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One picture, from file to file
#
# A matte says for every pixel how much of it is foreground. Matting networks are trained on pictures of about a
# thousand pixels a side; `tiler` mattes pictures of any size with them. To matte your own picture, change `picture`.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

from tiler import Settings, figures, matte

picture = Path(os.environ.get("TILER_PICTURE", "../examples/portrait.jpg"))
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# The result is the picture with transparency, at its own size and bit depth. `snapshot` names a file for small arrays
# of the run, which the figures below draw. `html` names a file for a report that opens in any browser.

# %%
settings = Settings.of(snapshot=folder / "snapshot.npz", html=folder / "report.html")
report = matte(picture, folder / "cutout.png", settings)
print(f"{report.tiles_run} tiles were run, {report.tiles_skipped} were skipped")
print({stage: round(seconds, 1) for stage, seconds in report.seconds.items()})

# %% [markdown]
# The picture and its matte. White is foreground, black is background.

# %%
snapshot = figures.load(folder / "snapshot.npz")
figures.pair(snapshot)

# %% [markdown]
# The cutout over other backgrounds. Its hair has the colours of the foreground alone; `tiler compose` makes the same at
# full size. Colours by their names, and pictures as arrays, may be given as well.

# %%
figures.on_backgrounds(snapshot, "white", "#00b140", "navy")
