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
# A matte says, for every pixel, how much of it is foreground. Networks that make mattes were trained on pictures of
# about a thousand pixels; `tiler` takes them to any size. Put your own picture in the place of the example.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

from tiler import Settings, figures, matte
from tiler.inspect.snapshot import load

picture = Path(os.environ.get("TILER_PICTURE", "../examples/portrait.jpg"))
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# The result is a picture with transparency, of the size and depth of the original. `seams` keeps small arrays to look
# at, `html` writes a page that can be sent to people without Python.

# %%
settings = Settings.of(snapshot=folder / "look.npz", html=folder / "report.html")
report = matte(picture, folder / "cutout.png", settings)
print(f"{report.tiles_run} tiles run, {report.tiles_skipped} were already solved")
print({stage: round(seconds, 1) for stage, seconds in report.seconds.items()})

# %% [markdown]
# The picture, and its matte beside it: white is foreground.

# %%
look = load(folder / "look.npz")
figures.pair(look)
