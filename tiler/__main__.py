"""`python -m tiler` is `tiler`."""

from tiler.cli import main

main()
