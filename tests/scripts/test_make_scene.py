import make_scene
import numpy as np
import tifffile


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        make_scene.write(tmp_path / name, make_scene.make_scene((600, 900), 2, seed), alpha_alone=False)
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_the_alpha_is_that_of_the_picture(tmp_path):
    scene = make_scene.make_scene((600, 900), 2, 1)
    empty = make_scene.Scene(scene.shape, (), scene.grains)
    for name, what, alone in (("a", scene, True), ("p", scene, False), ("wall", empty, False)):
        make_scene.write(tmp_path / name, what, alpha_alone=alone)
    alpha, picture, wall = (tifffile.imread(tmp_path / name) for name in ("a", "p", "wall"))
    assert alpha.shape == (600, 900)
    assert np.abs(picture[alpha == 0].astype(int) - wall[alpha == 0]).max() <= 1  # what rounds to 0 may show a step
    assert np.abs(picture[alpha == 255].astype(int) - wall[alpha == 255]).mean() > 20
    assert 0.05 < (alpha == 255).mean() < 0.6
    assert ((alpha > 0) & (alpha < 255)).mean() > 0.01
