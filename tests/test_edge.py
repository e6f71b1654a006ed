import pytest

from tiler.edge import Edge, edges_of
from tiler.errors import SettingsError
from tiler.settings import Settings


def test_changes_are_read_in_their_order():
    assert edges_of(["shrink:1.5", "feather:2", "choke:.1,0.9"]) == (
        Edge("shrink", (1.5,)),
        Edge("feather", (2.0,)),
        Edge("choke", (0.1, 0.9)),
    )


WRONG = (
    *("", "shrink", "shrink:", "shrink:0", "shrink:-1", "shrink:nan", "shrink:1,2", "feather:101", "feather:inf"),
    *("grow:2", "choke:1", "choke:0.5,0.5", "choke:-0.1,1", "choke:0,1.1", "choke:0,nan"),
)


@pytest.mark.parametrize("text", WRONG)
def test_others_are_refused_with_what_to_give(text):
    with pytest.raises(SettingsError, match="shrink:PX") as refused:
        Settings.of(edge=(text,))
    assert repr(text) in str(refused.value)
