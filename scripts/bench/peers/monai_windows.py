"""Every window by the network with MONAI's SlidingWindowInferer, merged under Gaussian windows."""

import sys

import torch
from monai.inferers import SlidingWindowInferer

from modnet import OVERLAP_PX, TILE_PX, open_network, read, to_bytes, write


def main(picture: str, graph: str, output: str) -> None:
    """Matte `picture`."""
    network = open_network(graph)

    def answer(windows: torch.Tensor) -> torch.Tensor:
        rgb = windows[0].numpy().transpose(1, 2, 0)
        return torch.from_numpy(network(rgb))[None, None]

    inferer = SlidingWindowInferer((TILE_PX, TILE_PX), sw_batch_size=1, overlap=OVERLAP_PX / TILE_PX, mode="gaussian")
    # Windows are weighed in the type of the input, so bytes will not do.
    pixels = torch.from_numpy(read(picture)).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        alpha = inferer(pixels, answer)
    write(output, to_bytes(alpha[0, 0].numpy()))


if __name__ == "__main__":
    main(*sys.argv[1:])
