import pytest

from tests.model.graphs import definition, rgba, tf
from tiler.model.graph_report import GraphReport, graph_report


def facts(build):
    return graph_report(definition(lambda image: rgba(image, build(image[None])[0, ..., 0])))


def normalised(x):
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-5)


def fused(training):
    def build(x):
        ones, zeros = tf.ones(3), tf.zeros(3)
        known = {} if training else {"mean": zeros, "variance": ones}
        return tf.compat.v1.nn.fused_batch_norm(x, ones, zeros, is_training=training, **known)[0]

    return build


def resized(*size):
    return lambda x: tf.image.resize(tf.image.resize(x, size), tf.shape(x)[1:3])


def test_a_local_network_holds_nothing():
    assert facts(lambda x: tf.nn.relu(x)) == GraphReport()
    assert GraphReport().sentences() == ()


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest", "area"])
def test_a_resize_to_a_fixed_size_is_found_and_one_to_a_reckoned_size_is_not(method):
    def build(x):
        return tf.image.resize(tf.image.resize(x, (192, 160), method=method), tf.shape(x)[1:3])

    ((name, height, width),) = facts(build).fixed_resizes
    assert (height, width) == (192, 160)
    assert name.lower().split("/")[-1].startswith("resize")


def test_a_square_resize_is_found():
    assert facts(resized(512, 512)).fixed_resizes[0][1:] == (512, 512)


def test_every_resize_is_found():
    assert [f[1:] for f in facts(lambda x: resized(192, 160)(resized(768, 640)(x))).fixed_resizes] == [
        (768, 640),
        (192, 160),
    ]


@pytest.mark.parametrize(("build", "count"), [(normalised, 1), (lambda x: normalised(normalised(x)), 2)])
def test_moments_are_a_normalisation_and_no_pooling(build, count):
    found = facts(build)
    assert (found.normalisations, found.poolings) == (count, 0)


@pytest.mark.parametrize(("training", "count"), [(True, 1), (False, 0)])
def test_fused_normalisation_counts_where_it_measures_its_input(training, count):
    assert facts(fused(training)).normalisations == count


@pytest.mark.parametrize("axes", [[1, 2], [2, 1], [-3, -2]])
def test_a_mean_over_the_picture_is_a_pooling(axes):
    found = facts(lambda x: x * tf.reduce_mean(x, axes, keepdims=True))
    assert (found.normalisations, found.poolings) == (0, 1)


@pytest.mark.parametrize("axes", [[3], [1], [2]])
def test_a_mean_over_something_else_is_none(axes):
    assert facts(lambda x: x * tf.reduce_mean(x, axes, keepdims=True)) == GraphReport()


def test_a_gate_is_found_by_its_name():
    def build(x):
        with tf.name_scope("head"):
            return x * tf.cast(tf.reduce_max(x, name="if_person") > 0, tf.float32)

    assert facts(build).person_gates == ("head/if_person",)


def test_sentences_say_each_thing_once():
    said = GraphReport((("a/Resize", 192, 160),), ("if_person",), 16, 1).sentences()
    assert len(said) == 4
    for words, sentence in zip(("192x160", "if_person", "16 places", "1 place;"), said, strict=True):
        assert words in sentence
