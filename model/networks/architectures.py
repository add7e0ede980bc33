"""The networks of our own, by name. Readable in one sitting; the shapes are in the comments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from model.networks.efficientnet_lite import efficientnet_lite
from model.networks.layers import ResidualAttention, padded_as_tensorflow
from model.networks.mobilenet_v2 import MobileNetV2


class Tiny(nn.Module):
    """A few kilobytes that behave like a network: for tests, which want no more than that."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, kernel_size=3, stride=4, padding=1),  # (N, 8, S/4, S/4)
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, kernel_size=3, stride=4, padding=1),  # (N, 16, S/16, S/16)
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(16, labels))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) -> logits (N, labels)."""
        pooled = self.features(images).mean((2, 3))  # (N, 16)
        logits: Tensor = self.classifier(pooled)
        return logits  # (N, labels)


def _mobilenet_v2_same(labels: int) -> nn.Module:
    """MobileNetV2 1.0 as TensorFlow trained it: 3.5 M parameters less the ImageNet head."""
    return padded_as_tensorflow(MobileNetV2(labels))


def _mobilenet_v2_csra(labels: int) -> nn.Module:
    """The same network, whose head looks at every place besides the whole."""
    whole = _mobilenet_v2_same(labels)
    return ResidualAttention(whole.features, whole.classifier)  # type: ignore[arg-type]


ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "mobilenet_v2_same": _mobilenet_v2_same,
    "mobilenet_v2_csra": _mobilenet_v2_csra,
    "efficientnet_lite0": partial(efficientnet_lite, width=1.0, depth=1.0, dropout=0.2),
    "efficientnet_lite1": partial(efficientnet_lite, width=1.0, depth=1.1, dropout=0.2),
    "efficientnet_lite2": partial(efficientnet_lite, width=1.1, depth=1.2, dropout=0.3),
    "tiny": Tiny,
}


def build(architecture: str, labels: int, size: int | None = None) -> nn.Module:
    """A network of random weights that maps (N, 3, S, S) to logits (N, labels).

    Those of our own, torchvision's by its names, and timm's as `timm:NAME`. `size` is S where it is
    known: some are built for one size alone. Raises `ConfigurationError` for a name that is not known,
    and for a size that the network cannot take.
    """
    if architecture in ARCHITECTURES:
        return ARCHITECTURES[architecture](labels)
    from model.networks import zoo  # noqa: PLC0415 - serving one of our own needs none of the others

    return zoo.build(architecture, labels, size=size)
