"""Stand in for the inference script of BSHM; `tiler.cli.inference_bshm` says how."""

import sys

from tiler.cli.inference_bshm import main

if __name__ == "__main__":
    sys.exit(main())
