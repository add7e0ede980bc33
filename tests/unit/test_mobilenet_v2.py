"""Our MobileNetV2 is torchvision's: the same parts by the same names, the same beginning, the same answer."""

from __future__ import annotations

import torch
from torchvision.models.mobilenetv2 import mobilenet_v2

from model.networks.mobilenet_v2 import MobileNetV2


def test_it_begins_at_the_weights_that_torchvision_s_begins_at_and_says_the_same() -> None:
    torch.manual_seed(7)
    theirs = mobilenet_v2(num_classes=4).eval()
    torch.manual_seed(7)
    ours = MobileNetV2(4).eval()
    weights = theirs.state_dict()
    assert list(ours.state_dict()) == list(weights)
    assert all(torch.equal(each, weights[name]) for name, each in ours.state_dict().items())
    images = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))
