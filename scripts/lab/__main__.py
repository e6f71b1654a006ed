"""`python -m lab`: see `lab.bench`."""

import sys

from lab.bench import main

sys.exit(main())
