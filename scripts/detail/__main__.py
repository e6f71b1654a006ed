"""`python -m detail`: see `detail.bench`."""

import sys

from detail.bench import main

sys.exit(main())
