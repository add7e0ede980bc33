"""Where a network's weights may come from, and what is refused."""

from __future__ import annotations

import pickle
import urllib.request
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer

from model.networks import backbones, torchvision_zoo, weights_file
from model.networks.efficientnet_lite import InvertedBottleneck
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError

NAME = "mobilenet_v3_small"


@pytest.fixture(scope="module")
def donor() -> nn.Module:
    return made(NAME, labels=7, seed=3)


def made(name: str, *, labels: int, seed: int = 0, size: int = 64) -> nn.Module:
    torch.manual_seed(seed)
    return backbones.create(name, labels, None, size=size)


def tensors(network: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.contiguous() for key, tensor in network.state_dict().items()}


def saved(found: dict[str, Tensor], folder: Path) -> Path:
    file = folder / "weights.safetensors"
    save_file(found, file)
    return file


def taken(weights: Path, name: str = NAME, *, size: int = 64, labels: int = 2) -> nn.Module:
    return backbones.create(name, labels, weights, size=size)


def seen(network: nn.Module, *, size: int = 64) -> Tensor:
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return backbones.features(network.eval(), images)


def refusal(weights: Path, name: str = NAME) -> str:
    with pytest.raises(ConfigurationError) as caught:
        taken(weights, name)
    return str(caught.value)


def test_a_file_gives_the_body_and_leaves_its_head_for_other_labels_out(
    donor: nn.Module, tmp_path: Path
) -> None:
    network = taken(saved(tensors(donor), tmp_path))
    assert torch.equal(seen(network), seen(donor))
    assert backbones.head(network).out_features == 2


def test_a_head_for_as_many_labels_is_taken_too(donor: nn.Module, tmp_path: Path) -> None:
    network = taken(saved(tensors(donor), tmp_path), labels=7)
    assert torch.equal(backbones.head(network).weight, backbones.head(donor).weight)


def test_a_file_without_a_head_gives_the_body(donor: nn.Module, tmp_path: Path) -> None:
    body = {key: tensor for key, tensor in tensors(donor).items() if not key.startswith("classifier.3")}
    assert torch.equal(seen(taken(saved(body, tmp_path))), seen(donor))


def test_fp16_is_widened(donor: nn.Module, tmp_path: Path) -> None:
    half = {key: tensor.half() if tensor.ndim > 1 else tensor for key, tensor in tensors(donor).items()}
    network = taken(saved(half, tmp_path))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert seen(network).allclose(seen(donor), atol=1e-2)


@pytest.mark.parametrize("wrapping", [None, "state_dict"])
def test_a_pickle_of_tensors_is_read(donor: nn.Module, tmp_path: Path, wrapping: str | None) -> None:
    file = tmp_path / "weights.pth"
    torch.save({wrapping: donor.state_dict(), "epoch": 3} if wrapping else donor.state_dict(), file)
    assert torch.equal(seen(taken(file)), seen(donor))


class Deed:
    """What runs when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


def test_nothing_in_a_pickle_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    (tmp_path / "weights.pt").write_bytes(pickle.dumps({"weight": Deed(trace)}, protocol=2))
    assert "no weights can be read" in refusal(tmp_path / "weights.pt")
    assert not trace.exists()


def test_a_version_of_ours_can_be_gone_on_from(tmp_path: Path) -> None:
    version = write_tiny_version(tmp_path / "tiny-v2", seed=1)
    one, again = taken(version, "tiny"), taken(version / "model.safetensors", "tiny")
    assert torch.equal(seen(one), seen(again))
    assert not torch.equal(seen(one), seen(made("tiny", labels=2)))


def test_missing_tensors_are_named(donor: nn.Module, tmp_path: Path) -> None:
    found = tensors(donor)
    del found["features.3.block.0.0.weight"]
    assert "features.3.block.0.0.weight" in refusal(saved(found, tmp_path))


def test_foreign_tensors_are_named(donor: nn.Module, tmp_path: Path) -> None:
    file = saved(tensors(donor) | {"features.99.weight": torch.zeros(1)}, tmp_path)
    assert "1 tensors are foreign, among them features.99.weight" in refusal(file)


def test_the_weights_of_another_network_are_refused(donor: nn.Module, tmp_path: Path) -> None:
    assert "not the weights of this network" in refusal(saved(tensors(donor), tmp_path), "resnet18")


def test_a_tensor_of_another_shape_is_named(donor: nn.Module, tmp_path: Path) -> None:
    found = tensors(donor) | {"features.0.0.weight": torch.zeros(16, 1, 3, 3)}
    assert "features.0.0.weight" in refusal(saved(found, tmp_path))


@pytest.mark.parametrize("file", ["nowhere.safetensors", "nowhere.pth"])
def test_a_file_that_is_not_there_is_named(file: str, tmp_path: Path) -> None:
    assert file in refusal(tmp_path / file)


@pytest.mark.parametrize("file", ["torn.safetensors", "torn.pth", "torn.zip"])
def test_a_file_that_is_no_weights_is_named(file: str, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(b"PK\x03\x04 no weights at all")
    assert file in refusal(tmp_path / file)


def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    assert "something else" in refusal(tmp_path / "list.pth")


def test_the_layout_of_densenets_public_file_is_known(tmp_path: Path) -> None:
    donor = made("densenet121", labels=3)
    older = {
        key.replace("norm1.", "norm.1.")
        .replace("norm2.", "norm.2.")
        .replace("conv1.", "conv.1.")
        .replace("conv2.", "conv.2.")
        if "denselayer" in key
        else key: tensor
        for key, tensor in tensors(donor).items()
    }
    assert older.keys() != tensors(donor).keys()
    assert torch.equal(seen(taken(saved(older, tmp_path), "densenet121")), seen(donor))


def test_the_layout_of_squeezenets_public_file_is_known(tmp_path: Path) -> None:
    donor = made("squeezenet1_1", labels=3)
    older = tensors(donor)
    older["classifier.1.weight"] = older.pop("classifier.3.weight")[:, :, None, None].contiguous()
    older["classifier.1.bias"] = older.pop("classifier.3.bias")
    network = taken(saved(older, tmp_path), "squeezenet1_1", labels=3)
    assert torch.equal(backbones.head(network).weight, backbones.head(donor).weight)
    assert torch.equal(seen(network), seen(donor))


def as_counted_through(donor: nn.Module) -> dict[str, Tensor]:
    """EfficientNet-Lite's tensors by the names that they have in the public packages."""
    ends = {"features.0": ("_conv_stem", "_bn0"), "features.8": ("_conv_head", "_bn1")}
    narrow = ("_project_conv", "_bn2")
    wide = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1")]
    names: dict[str, str] = {"classifier.1": "_fc"}
    for place, pair in ends.items():
        names |= {f"{place}.{within}": name for within, name in enumerate(pair)}
    blocks = [(place, m) for place, m in donor.named_modules() if isinstance(m, InvertedBottleneck)]
    for number, (place, module) in enumerate(blocks):
        layers = [*wide, ("", ""), narrow] if len(module.block) == 4 else [wide[1], ("", ""), narrow]
        for layer, pair in enumerate(layers):
            for within, name in enumerate(pair):
                names[f"{place}.block.{layer}.{within}"] = f"_blocks.{number}.{name}"
    return {
        f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": tensor
        for key, tensor in tensors(donor).items()
    }


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
def test_the_layout_of_efficientnet_lites_public_packages_is_known(name: str, tmp_path: Path) -> None:
    donor = made(name, labels=3, seed=1)
    with torch.no_grad():
        for parameter in donor.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.01)
    other = as_counted_through(donor)
    assert {"_conv_stem.weight", "_blocks.0._depthwise_conv.weight", "_fc.bias"} <= other.keys()
    torch.save(other, tmp_path / "lite.pth")
    network = taken(tmp_path / "lite.pth", name, labels=3)
    assert torch.equal(seen(network), seen(donor))
    assert torch.equal(backbones.head(network).weight, backbones.head(donor).weight)


def test_efficientnet_lites_packages_are_not_the_weights_of_others(tmp_path: Path) -> None:
    torch.save(as_counted_through(made("efficientnet_lite2", labels=3)), tmp_path / "lite.pth")
    for name in ("efficientnet_lite0", "resnet18"):
        assert "not the weights of this network" in refusal(tmp_path / "lite.pth", name)


def test_auxiliary_outputs_of_a_public_file_are_left_out(tmp_path: Path) -> None:
    donor = made("googlenet", labels=3)
    file = saved(tensors(donor) | {"aux1.fc1.weight": torch.zeros(2, 2)}, tmp_path)
    assert torch.equal(seen(taken(file, "googlenet")), seen(donor))


def small_transformer(size: int) -> nn.Module:
    return VisionTransformer(
        image_size=size, patch_size=16, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=2
    )


def test_positions_for_another_size_are_interpolated() -> None:
    donor, network = small_transformer(64), small_transformer(96)
    weights_file.fill(network, donor.state_dict(), source="the donor")
    positions, given = (each.state_dict()["encoder.pos_embedding"] for each in (network, donor))
    assert torch.equal(positions[:, 0], given[:, 0])  # of the class token, which is nowhere
    assert positions[:, 1:].mean().allclose(given[:, 1:].mean(), atol=2e-3)
    assert torch.equal(network.state_dict()["conv_proj.weight"], donor.state_dict()["conv_proj.weight"])


def test_timms_positions_for_another_size_are_interpolated(tmp_path: Path) -> None:
    name = "timm:vit_tiny_patch16_224"
    donor = made(name, labels=3, size=64)
    network = taken(saved(tensors(donor), tmp_path), name, size=96)
    assert network.state_dict()["pos_embed"].shape == (1, 1 + 6 * 6, 192)
    assert torch.equal(network.state_dict()["cls_token"], donor.state_dict()["cls_token"])


def test_timms_weights_come_from_a_file_too(tmp_path: Path) -> None:
    donor = made("timm:mobilenetv3_small_050", labels=3)
    assert torch.equal(
        seen(taken(saved(tensors(donor), tmp_path), "timm:mobilenetv3_small_050")), seen(donor)
    )


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a network behind a proxy that is not there; gives torch's cache."""
    for variable in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    # The first call of a process keeps its proxies for all that come after it.
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("name", ["resnet18", "timm:legacy_xception"])
def test_a_hub_that_cannot_be_reached_is_told_with_what_to_do(name: str, alone: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"could not be downloaded.*--weights FILE") as caught:
        backbones.create(name, 2, "hub", size=64)
    assert "https://" in str(caught.value)
    assert not list(alone.glob("*.pth"))


def test_our_own_networks_have_no_hub() -> None:
    with pytest.raises(ConfigurationError, match="no public weights"):
        backbones.create("tiny", 2, "hub")


def test_public_weights_that_were_downloaded_before_are_taken(donor: nn.Module, alone: Path) -> None:
    alone.mkdir(parents=True)
    torch.save(donor.state_dict(), alone / torchvision_zoo.address(NAME).rpartition("/")[2])
    assert torch.equal(seen(backbones.create(NAME, 2, "hub", size=64)), seen(donor))
