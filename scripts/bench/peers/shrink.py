"""The network on the picture at a short side of 512 px; its alpha is enlarged bicubically."""

import sys

import numpy as np
from PIL import Image

from modnet import GUIDE_PX, MULTIPLE_PX, open_network, read, to_bytes, write


def main(picture: str, graph: str, output: str) -> None:
    """Matte `picture`."""
    image = Image.fromarray(read(picture))
    scale = GUIDE_PX / min(image.size)
    width, height = (round(side * scale / MULTIPLE_PX) * MULTIPLE_PX for side in image.size)
    small = open_network(graph)(np.asarray(image.resize((width, height), Image.Resampling.BOX)))
    large = Image.fromarray(to_bytes(small)).resize(image.size, Image.Resampling.BICUBIC)
    write(output, np.asarray(large))


if __name__ == "__main__":
    main(*sys.argv[1:])
