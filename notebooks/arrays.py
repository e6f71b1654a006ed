# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An array in, an alpha out
#
# `tiler.alpha` takes a NumPy or Pillow picture and returns its alpha as float32 in 0..1. With it the subject goes on
# any background: here a green one.

# %%
import os

import numpy as np
from PIL import Image

import tiler

picture = np.asarray(Image.open(os.environ.get("TILER_PICTURE", "../examples/portrait.jpg")).convert("RGB"))
alpha = tiler.alpha(picture)[..., None]
composite = alpha * picture + (1 - alpha) * np.array([0, 177, 64])
Image.fromarray(np.rint(composite).astype(np.uint8))
