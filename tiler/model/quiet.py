"""Libraries that write to the terminal from C++, kept quiet while they load."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what is written to file descriptor 2, from any language, off the terminal; give it back on an exception.

    TensorFlow logs through Abseil before Abseil has been told how much to log, and no setting reaches that.
    """
    sys.stderr.flush()
    saved = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, STDERR)
            os.close(saved)
