from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from genphys.networks import UNet


def random_unet(shape: tuple[int, int, int], **parameters: object) -> UNet:
    """A float64 U-Net whose weights are all random, in the state for sampling."""
    network = UNet(shape, width=4, **parameters).double().eval()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return network


def noisy(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, *shape, dtype=torch.float64, generator=generator)
    return x, torch.tensor([-1.0, 0.5], dtype=torch.float64)


@settings(deadline=None, max_examples=50)
@given(
    channels=st.integers(1, 4),
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    mult=st.lists(st.integers(1, 2), min_size=1, max_size=4),
    blocks=st.integers(1, 2),
)
def test_any_size_comes_back_whole(
    channels: int, height: int, width: int, mult: list[int], blocks: int
) -> None:
    network = random_unet((channels, height, width), mult=mult, blocks=blocks)
    x, c_noise = noisy(channels, height, width)
    y = network(x, c_noise)
    assert y.shape == x.shape
    assert y.isfinite().all() and (y.abs().amax((0, 1)) > 0).all()


@pytest.mark.parametrize("shape", [(1, 7, 9), (3, 5, 8), (2, 13, 6)])
def test_padding_by_hand_gives_the_same_pixels(shape: tuple[int, int, int]) -> None:
    network = random_unet(shape, mult=[1, 1, 2], attention=True)
    x, c_noise = noisy(*shape)
    _, height, width = shape
    whole = pad(x, (0, 8 * 2 - width, 0, 8 * 2 - height), mode="replicate")
    whole = whole[..., : -(-height // 4) * 4, : -(-width // 4) * 4]
    expected = network(whole, c_noise)[..., :height, :width]
    torch.testing.assert_close(network(x, c_noise), expected, rtol=1e-12, atol=1e-12)


def normalized(x: Tensor, groups: int) -> Tensor:
    """Group normalisation with affine weights of one and zero, written out."""
    parts = x.reshape(len(x), groups, -1)
    spread = parts.var(dim=2, keepdim=True, correction=0)
    return ((parts - parts.mean(dim=2, keepdim=True)) / (spread + 1e-5).sqrt()).reshape(x.shape)


def convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 3 x 3 convolution as nine shifted products."""
    height, width = x.shape[2:]
    framed = pad(x, (1, 1, 1, 1))
    shifts = [
        torch.einsum(
            "oc,bchw->bohw", weight[:, :, i, j], framed[:, :, i:, j:][..., :height, :width]
        )
        for i in range(3)
        for j in range(3)
    ]
    return torch.stack(shifts).sum(0) + bias[:, None, None]


def plain_norms(network: nn.Module) -> dict[str, Tensor]:
    """The weights, after those of the normalisations are set to one and zero."""
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    return dict(network.named_parameters())


def test_a_block_is_the_formula_of_the_module() -> None:
    block = random_unet((1, 8, 8), mult=[2, 4]).encoder[1]  # 8 channels to 16
    w, (x, _) = plain_norms(block), noisy(8, 5, 4)
    e = torch.randn(2, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    h = convolved(silu(normalized(x, 2)), w["first.weight"], w["first.bias"])
    a, b = (e @ w["modulation.weight"].T + w["modulation.bias"])[:, :, None, None].chunk(2, dim=1)
    h = silu((1 + a) * normalized(h, 4) + b)
    skip = torch.einsum("oc,bchw->bohw", w["skip.weight"][:, :, 0, 0], x)
    expected = skip + w["skip.bias"][:, None, None]
    expected = expected + convolved(h, w["second.weight"], w["second.bias"])
    torch.testing.assert_close(block(x, e), expected, rtol=1e-10, atol=1e-10)


def test_attention_is_a_softmax_over_pixels() -> None:
    attention = random_unet((1, 8, 8), mult=[2], attention=True).bottom
    w, (x, _) = plain_norms(attention), noisy(8, 3, 4)
    q, k, v = torch.einsum(
        "soc,bchw->sbhwo", w["query_key_value.weight"].view(3, 8, 8), normalized(x, 2)
    )
    scores = torch.einsum("bhwc,bijc->bhwij", q, k) / 8**0.5
    p = scores.flatten(3).softmax(dim=3).view_as(scores)
    h = torch.einsum("bhwij,bijc,oc->bohw", p, v, w["output.weight"])
    expected = x + h + w["output.bias"][:, None, None]
    torch.testing.assert_close(attention(x), expected, rtol=1e-10, atol=1e-10)


def test_each_level_has_half_the_resolution() -> None:
    network = UNet((1, 16, 12), width=8, mult=[1, 2, 4], blocks=2)
    seen: list[tuple[int, ...]] = []
    for block in [*network.encoder, *network.decoder]:
        block.register_forward_hook(lambda _, __, y: seen.append(tuple(y.shape[1:])))
    network(torch.randn(1, 1, 16, 12), torch.zeros(1))
    levels = [(8, 16, 12), (16, 8, 6), (32, 4, 3)]
    assert seen == [level for level in levels + levels[::-1] for _ in range(2)]


def test_only_attention_joins_far_pixels_beyond_the_normalisation() -> None:
    network = random_unet((1, 4, 32), mult=[1], attention=True)
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):  # it, too, joins all pixels
            module.register_forward_hook(lambda _, x, __: x[0])
    x, c_noise = noisy(1, 4, 32)
    x.requires_grad_()

    def reach() -> Tensor:
        (gradient,) = torch.autograd.grad(network(x, c_noise)[..., 0].sum(), x)
        return gradient[..., -1].abs().max()

    assert reach() > 0
    network.bottom = nn.Identity()
    assert reach() == 0


def test_dropout_acts_in_training_alone() -> None:
    network = random_unet((1, 8, 8), dropout=0.5)
    x, c_noise = noisy(1, 8, 8)
    assert torch.equal(network(x, c_noise), network(x, c_noise))
    network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert not torch.equal(network(x, c_noise), network(x, c_noise))


def test_the_default_for_digits_has_about_300_thousand_weights() -> None:
    weights = sum(p.numel() for p in UNet((1, 8, 8)).parameters())
    assert 250_000 < weights < 350_000


def test_memory_format_changes_nothing() -> None:
    network = random_unet((3, 8, 6), attention=True)
    x, c_noise = noisy(3, 8, 6)
    expected = network(x, c_noise)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = network(x.to(memory_format=torch.channels_last), c_noise)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
