"""tiler: seamless full-resolution alpha mattes for portraits too large for a matting network.

    import tiler

    report = tiler.matte("photo.tif", "cutout.tif")

matte        one picture from file to file
Settings     every option of a run
Report       what a run did
Progress     a door for whoever wants to hear how far a run is
TilerError   what a user can mend; its children say whether settings, input, output or model are at fault
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiler.errors import InputError, ModelError, OutputError, SettingsError, TilerError
    from tiler.inspect import figures
    from tiler.progress import Progress
    from tiler.report import Report
    from tiler.run import matte
    from tiler.settings import Settings

__all__ = [
    "InputError",
    "ModelError",
    "OutputError",
    "Progress",
    "Report",
    "Settings",
    "SettingsError",
    "TilerError",
    "figures",
    "matte",
]

_HOMES = {
    "matte": "run",
    "Settings": "settings",
    "Report": "report",
    "Progress": "progress",
}


def __getattr__(name: str) -> Any:
    # Names are fetched when first used: `tiler --help` must not wait for arrays and schedulers to load.
    if name not in __all__:
        raise AttributeError(f"module 'tiler' has no attribute {name!r}")
    if name == "figures":
        return import_module("tiler.inspect.figures")
    return getattr(import_module(f"tiler.{_HOMES.get(name, 'errors')}"), name)
