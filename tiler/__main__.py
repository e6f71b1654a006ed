"""`python -m tiler` is `tiler`."""

from tiler.cli.main import main

main()
