"""Print as JSON how fast this processor multiplies matrices, and how many operations the network needs for a tile."""

import json
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import onnx
import onnxruntime

from modnet import TILE_PX, open_network

SIDE = 2048


def main(graph: str) -> None:
    """Measure with all cores, the best of five; float32."""
    matrix = np.ones((SIDE, SIDE), np.float32)
    tile = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    network = open_network(graph)
    peak = 2 * SIDE**3 / 1e9 / min(seconds(lambda: matrix @ matrix) for _ in range(5))
    tile_s = min(seconds(lambda: network(tile)) for _ in range(5))
    needed = operations(graph) / 1e9
    print(json.dumps({"peak_gflops": peak, "tile_gflop": needed, "tile_s": tile_s, "tile_at_peak_s": needed / peak}))


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = perf_counter()
    call()
    return perf_counter() - began


def operations(graph: str) -> float:
    """Return the multiplications and additions of the convolutions of the network for one tile."""
    model = onnx.load(graph)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    # Its sizes depend on one another in ways that only a run finds out.
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=node.output[0]) for node in convolutions)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = np.zeros((1, 3, TILE_PX, TILE_PX), np.float32)
    answers = session.run(None, {model.graph.input[0].name: pixels})
    weights = {value.name: value.dims for value in model.graph.initializer}
    filters = [np.prod(weights[node.input[1]][1:]) for node in convolutions]
    return float(sum(2 * answer.size * size for answer, size in zip(answers, filters, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
