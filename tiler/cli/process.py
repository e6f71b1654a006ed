"""What the command line does to its own process, and the library never does to its host: memory, logs, terminal."""

import faulthandler
import logging
import os
import signal
import sys
import tempfile
from contextlib import suppress
from types import FrameType
from typing import NoReturn

STDERR = 2


def own_process() -> None:
    """Let SIGTERM end the process as Ctrl-C does, and keep the logs of libraries off the terminal.

    TensorFlow logs through Abseil before Abseil knows how much to log, and no setting reaches that. So what
    libraries write to file descriptor 2 goes into a temporary file, and `sys.stderr` keeps the terminal. A crash in a
    library still shows where it was.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TQDM_DISABLE", "1")
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(STDERR), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
    faulthandler.enable(file=sys.stderr)


def prepare(cluster: str | None = None) -> None:
    """Limit memory pools and caches, and quieten loggers: once the heavy libraries may be imported.

    cluster: the scheduler that is to be used, if any.
    """
    from tiler.image.read.vips import limit_vips_cache
    from tiler.memory import limit_malloc_pools

    limit_malloc_pools()
    limit_vips_cache()
    loggers = ["modelscope", "modelscope_hub"]
    if cluster is not None:
        with suppress(ImportError):
            import distributed  # noqa: F401  (on import it sets the level of its loggers)
        loggers.append("distributed")
    for name in loggers:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It logs what it finds odd in a picture. What matters is raised as an error that names the file.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
