"""Names of outputs: each depends on its own picture alone, whichever other pictures there are.

A folder of a studio holds `IMG_1.CR2` beside `IMG_1.JPG`, and pictures come while it is watched. So an output keeps the
whole name of its picture, the ending as well: `IMG_1.CR2.tif`. No two pictures of a folder have one output then.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tiler.errors import SettingsError

FIELDS = re.compile(r"\{(name|stem)\}")


@dataclass(frozen=True, slots=True)
class Naming:
    """How an output is named after its picture.

    suffix: the ending of the output, such as ".tif". template: what stands before it; {name} is the name of the
    picture, a.jpg, and {stem} the name without its ending, a. Raises SettingsError for a template that is none.
    """

    suffix: str
    template: str = "{name}"

    def __post_init__(self) -> None:
        rest = FIELDS.sub("", self.template)
        if rest == self.template or set(rest) & set("{}/\\\0"):
            raise SettingsError(
                f"--name is {self.template!r}.",
                "Let it hold {name} or {stem}, no other brace and no directory, such as '{stem}-matte'.",
            )

    def output_of(self, place: Path) -> Path:
        """Return the path of the output for a picture at `place`, both relative to their folders."""
        values = {"name": place.name, "stem": place.stem}
        return place.with_name(FIELDS.sub(lambda field: values[field[1]], self.template) + self.suffix)
