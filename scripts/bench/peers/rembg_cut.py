"""rembg's `remove` with the small network u2netp and one of its options, such as only_mask or alpha_matting."""

import sys

import numpy as np
from PIL import Image
from rembg import new_session, remove

from modnet import read, write


def main(picture: str, _graph: str, output: str, option: str) -> None:
    """Matte `picture`; the weights lie in U2NET_HOME."""
    found = remove(Image.fromarray(read(picture)), session=new_session("u2netp"), **{option: True})
    write(output, np.asarray(found.getchannel(found.getbands()[-1])))


if __name__ == "__main__":
    main(*sys.argv[1:])
