"""Augmentations: other crops, light, cameras, sizes and re-compressions.

The sources of a training set have styles of their own (a dataset of faces, of rooms, of dishes), and a
network learns the style before it learns the subject. Strong augmentation takes the style away.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import torch
import torchvision.transforms.v2
from PIL import Image
from torch import Tensor

v2: Any = torchvision.transforms.v2
"""Untyped on purpose: its names are re-exported in a way that a strict type checker does not see."""
functional: Any = v2.functional


class Augment:
    """uint8 (3, C, C) -> uint8 (3, size, size), another one each time, from torch's global generator."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.crop = v2.RandomResizedCrop(size, scale=(0.45, 1.0), ratio=(0.6, 1.67), antialias=True)
        self.look = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomApply([v2.ColorJitter(0.35, 0.35, 0.35)], p=0.7),
                v2.RandomApply([v2.ColorJitter(hue=0.05)], p=0.2),
                v2.RandomGrayscale(0.08),
                v2.RandomApply([v2.GaussianBlur(5, sigma=(0.3, 2.0))], p=0.15),
                v2.RandomApply([v2.RandomAffine(degrees=10, shear=5)], p=0.15),
                v2.RandomApply([Coarsen()], p=0.2),
                v2.RandomApply([Recompress()], p=0.35),
            ]
        )

    def __call__(self, image: Tensor) -> Tensor:
        """One photograph."""
        return self.finish(self.crop(image))

    def finish(self, image: Tensor) -> Tensor:
        """The changes that come after the crop; a composite takes them as one picture."""
        changed: Tensor = self.look(image)
        return changed

    def compose(self, one: Tensor, other: Tensor) -> Tensor:
        """Two photographs in one: side by side, stacked, or (every second time) an inset."""
        page = self.crop(one).clone()
        if torch.rand(()) < 0.5:  # noqa: PLR2004 - every second time
            self._inset(page, other=other)
        else:
            self._half(page, other=other, sideways=bool(torch.rand(()) < 0.5))  # noqa: PLR2004 - as often as not
        return self.finish(page)

    def _half(self, page: Tensor, *, other: Tensor, sideways: bool) -> None:
        """`other` over one part of `page`, 35 to 65 % of it; both are shown whole, squeezed."""
        cut = int(self.size * (0.35 + 0.3 * torch.rand(())))
        whole, piece = page.clone(), self.crop(other)
        first, second = ((self.size, cut), (self.size, self.size - cut))
        if not sideways:
            first, second = first[::-1], second[::-1]
        page[:, : first[0], : first[1]] = functional.resize(whole, list(first), antialias=True)
        page[:, self.size - second[0] :, self.size - second[1] :] = functional.resize(
            piece, list(second), antialias=True
        )

    def _inset(self, page: Tensor, *, other: Tensor) -> None:
        """`other` on a part of `page`, every second time as round as a plate."""
        high, wide = (int(self.size * (0.2 + 0.4 * torch.rand(()))) for _ in range(2))
        top, left = (int(torch.randint(self.size - side + 1, ())) for side in (high, wide))
        part = page[:, top : top + high, left : left + wide]
        piece = functional.resize(self.crop(other), [high, wide], antialias=True)
        is_round = torch.rand(()) < 0.5  # noqa: PLR2004 - every second time
        part[...] = torch.where(_ellipse(high, wide), piece, part) if is_round else piece


def _ellipse(high: int, wide: int) -> Tensor:
    """Bool (high, wide), true inside."""
    rows, columns = torch.linspace(-1, 1, high)[:, None], torch.linspace(-1, 1, wide)
    return rows.square() + columns.square() <= 1


class Coarsen(torch.nn.Module):
    """Down to 35 to 75 % and up again: a thumbnail that somebody enlarged."""

    def forward(self, image: Tensor) -> Tensor:
        """uint8 (3, S, S) -> the same."""
        size = image.shape[-1]
        small = max(8, int(size * (0.35 + 0.4 * torch.rand(()))))
        coarse = functional.resize(image, [small, small], antialias=True)
        enlarged: Tensor = functional.resize(coarse, [size, size], antialias=True)
        return enlarged


class Recompress(torch.nn.Module):
    """Through a JPEG of quality 25 to 90, as every step on a photograph's way may do."""

    def forward(self, image: Tensor) -> Tensor:
        """uint8 (3, S, S) -> the same."""
        file = BytesIO()
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        picture.save(file, "JPEG", quality=int(torch.randint(25, 91, ())))
        return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)
