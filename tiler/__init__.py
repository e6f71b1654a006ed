"""tiler: seamless full-resolution alpha mattes for portraits too large for a matting network.

    import tiler

    report = tiler.matte("photo.tif", "cutout.tif")
    alpha = tiler.alpha(pixels)

matte        one picture from file to file
alpha        the alpha of a picture in memory, or of a Dask or Zarr array
compose      a cutout over a new background, from file to file
open_model   a network, loaded once for many pictures
Settings     every option of a run, in groups
Report       what a run did
Progress     a protocol for objects that receive how far a run is
metrics      MAD, SAD, MSE, Grad and Conn of an alpha whose truth is known
figures      drawings of a run, for notebooks
TilerError   what a user can put right; its subclasses say whether settings, input, output or model are at fault
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiler import metrics
    from tiler.arrays import alpha
    from tiler.composite import compose
    from tiler.errors import InputError, ModelError, OutputError, SettingsError, TilerError
    from tiler.inspect import figures
    from tiler.model.session import open_model
    from tiler.progress import Progress
    from tiler.report import Report
    from tiler.run import matte
    from tiler.settings import ComputeOptions, MattingOptions, OutputOptions, ReportOptions, RunOptions, Settings

    __version__: str

__all__ = [
    "ComputeOptions",
    "InputError",
    "MattingOptions",
    "ModelError",
    "OutputError",
    "OutputOptions",
    "Progress",
    "Report",
    "ReportOptions",
    "RunOptions",
    "Settings",
    "SettingsError",
    "TilerError",
    "__version__",
    "alpha",
    "compose",
    "figures",
    "matte",
    "metrics",
    "open_model",
]

_MODULES = {"figures": "tiler.inspect.figures", "metrics": "tiler.metrics"}
_HOMES = {
    "alpha": "arrays",
    "compose": "composite",
    "matte": "run",
    "open_model": "model.session",
    "Progress": "progress",
    "Report": "report",
    **dict.fromkeys(["InputError", "ModelError", "OutputError", "SettingsError", "TilerError"], "errors"),
}


def __getattr__(name: str) -> Any:
    # Names are fetched when first used: `tiler --help` must not wait for arrays and schedulers to load.
    if name == "__version__":
        from importlib.metadata import version

        return version("tiler-matting")
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in __all__:
        raise AttributeError(f"module 'tiler' has no attribute {name!r}")
    return getattr(import_module(f"tiler.{_HOMES.get(name, 'settings')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
