import os

from hypothesis import settings

# Machines are shared and noisy, so no example has a deadline; CI draws the same examples every time.
settings.register_profile("tiler", deadline=None, max_examples=60, derandomize="CI" in os.environ)
settings.load_profile("tiler")
