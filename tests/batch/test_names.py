from pathlib import Path

import pytest

from tiler.batch import Naming
from tiler.errors import SettingsError


def test_the_fields_are_those_of_the_picture():
    place = Path("sub/{stem}.b.jpg")
    assert Naming(".tif").output_of(place) == Path("sub/{stem}.b.jpg.tif")
    assert Naming(".png", "x {stem}-{name}").output_of(place) == Path("sub/x {stem}.b-{stem}.b.jpg.png")


@pytest.mark.parametrize("template", ["", "matte", "{name}/x", "{stem}{", "{other}", "a{name}\\b"])
def test_a_template_that_is_none_is_refused(template):
    with pytest.raises(SettingsError, match="--name"):
        Naming(".tif", template)
