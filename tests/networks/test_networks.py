from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp, vmap

from genphys.networks import MLP, NETWORKS, Network, UNet, build

# Every member of this list obeys every law below.
MEMBERS: dict[str, tuple[type[Network], tuple[int, ...], dict[str, Any]]] = {
    "mlp": (MLP, (5,), {"width": 16, "depth": 2}),
    "mlp of images": (MLP, (2, 3, 4), {"width": 16}),
    "unet": (UNet, (1, 8, 8), {"width": 8}),
    "unet, odd": (UNet, (3, 7, 9), {"width": 8, "mult": [1, 2, 3], "attention": True}),
    "unet, deep": (UNet, (2, 5, 4), {"width": 8, "mult": [2], "blocks": 2, "dropout": 0.2}),
}


@pytest.fixture(params=list(MEMBERS))
def member(
    request: pytest.FixtureRequest,
) -> tuple[type[Network], tuple[int, ...], dict[str, Any]]:
    return MEMBERS[request.param]


@pytest.fixture(autouse=True)
def seed() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def perturbed(network: Network) -> Network:
    """The network away from its silent start, in float64, ready for use."""
    for parameter in network.double().parameters():
        nn.init.normal_(parameter, std=0.2)
    return network.eval()


def inputs(shape: tuple[int, ...], rows: int = 4) -> tuple[Tensor, Tensor]:
    x = torch.randn(rows, *shape, dtype=torch.float64)
    return x, torch.linspace(-2, 3, rows, dtype=torch.float64)


def outputs(y: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_new_network_returns_zeros_like_its_input(
    member: Any, heads: int, dtype: torch.dtype
) -> None:
    cls, shape, parameters = member
    x, c_noise = (t.to(dtype) for t in inputs(shape))
    found = outputs(cls(shape, heads=heads, **parameters).to(dtype)(x, c_noise))
    assert [tuple(y.shape) for y in found] == [x.shape, (4,)][:heads]
    assert all(y.dtype == dtype and y.count_nonzero() == 0 for y in found)


@pytest.mark.parametrize("heads", [1, 2])
def test_every_parameter_gets_a_gradient(member: Any, heads: int) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, heads=heads, **parameters))
    weights = dict(network.named_parameters())
    loss = torch.cat([y.square().flatten() for y in outputs(network(*inputs(shape)))]).sum()
    gradients = torch.autograd.grad(loss, list(weights.values()))
    pairs = zip(weights, gradients, strict=True)
    assert not [name for name, gradient in pairs if gradient.abs().max() == 0]


@pytest.mark.parametrize("heads", [1, 2])
def test_every_parameter_moves_within_three_steps_of_a_new_network(member: Any, heads: int) -> None:
    cls, shape, parameters = member
    network = cls(shape, heads=heads, **parameters).double()
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    x, c_noise = inputs(shape)
    for _ in range(3):  # output first, then what each block adds, then what each block reads
        y = outputs(network(x, c_noise))
        targets = (x, torch.ones_like(c_noise))[:heads]
        errors = [(a - b).square().flatten() for a, b in zip(y, targets, strict=True)]
        optimizer.zero_grad()
        torch.autograd.backward(torch.cat(errors).sum())
        optimizer.step()
    assert not [n for n, p in network.named_parameters() if torch.equal(p, before[n])]


@pytest.mark.parametrize("heads", [1, 2])
def test_a_batch_equals_its_rows(member: Any, heads: int) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, heads=heads, **parameters))
    x, c_noise = inputs(shape)
    rows = [outputs(network(x[i : i + 1], c_noise[i : i + 1])) for i in range(len(x))]
    for batch, row in zip(outputs(network(x, c_noise)), zip(*rows, strict=True), strict=True):
        torch.testing.assert_close(batch, torch.cat(row), rtol=1e-10, atol=1e-10)


def test_it_depends_on_every_input_and_repeats_itself(member: Any) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, heads=2, **parameters))
    x, c_noise = inputs(shape)
    first, again = outputs(network(x, c_noise)), outputs(network(x, c_noise))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for other in (network(x.roll(1, dims=-1), c_noise), network(x, c_noise + 0.05)):
        for a, b in zip(first, other, strict=True):
            assert ((a - b).abs().view(4, -1).amax(1) > 1e-6).all()


def test_noise_levels_at_the_ends_and_beyond_stay_finite(member: Any) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, **parameters))
    x = inputs(shape, 1)[0].expand(4, *shape)
    levels = torch.tensor([-torch.inf, -8.0, 8.0, torch.inf], dtype=torch.float64)
    y = network(x, levels)
    assert y.isfinite().all()
    torch.testing.assert_close(y[[0, 3]], y[[1, 2]])


def test_config_is_json_and_rebuilds_the_network(member: Any) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, heads=2, **parameters))
    config = json.loads(json.dumps(network.config))
    assert NETWORKS[config["name"]] is cls
    assert {**config, **parameters} == config
    rebuilt = build(shape=list(shape), heads=2, **config).double().eval()
    rebuilt.load_state_dict(network.state_dict())
    x, c_noise = inputs(shape)
    pairs = zip(network(x, c_noise), rebuilt(x, c_noise), strict=True)
    assert rebuilt.config == network.config and all(torch.equal(a, b) for a, b in pairs)


# The first forward derivative makes torch import a module of its own that is deprecated.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_its_forward_derivative_is_a_difference_quotient(member: Any) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, **parameters))
    x, c_noise = inputs(shape, 2)
    dx, dc = torch.randn_like(x), torch.randn_like(c_noise)
    slope = jvp(network, (x, c_noise), (dx, dc))[1]
    h = 1e-5
    quotient = (
        (network(x + h * dx, c_noise + h * dc) - network(x - h * dx, c_noise - h * dc)) / 2 / h
    )
    torch.testing.assert_close(slope, quotient, rtol=1e-6, atol=1e-6)


def test_it_maps_over_batches(member: Any) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, **parameters))
    x, c_noise = inputs(shape, 6)
    mapped = vmap(network)(x.view(3, 2, *shape), c_noise.view(3, 2))
    torch.testing.assert_close(mapped.flatten(0, 1), network(x, c_noise), rtol=1e-9, atol=1e-9)


def test_gradients_per_row_add_up_to_that_of_the_batch(member: Any) -> None:
    cls, shape, parameters = member
    network = perturbed(cls(shape, **parameters))
    weights: dict[str, Tensor] = dict(network.named_parameters())
    x, c_noise = inputs(shape, 3)

    def loss(weights: dict[str, Tensor], x: Tensor, c_noise: Tensor) -> Tensor:
        y: Tensor = functional_call(network, weights, (x[None], c_noise[None]))
        return y.square().sum()

    rows = vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(weights, x, c_noise)
    batch = torch.autograd.grad(network(x, c_noise).square().sum(), list(weights.values()))
    for row, whole in zip(rows.values(), batch, strict=True):
        torch.testing.assert_close(row.sum(0), whole, rtol=1e-7, atol=1e-7)


def test_auto_is_a_unet_for_images_and_an_mlp_for_the_rest() -> None:
    assert isinstance(build("auto", (1, 8, 8)), UNet)
    assert isinstance(build("auto", (2,)), MLP)
    assert isinstance(build("auto", [3, 4], 2, width=8), MLP)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: build("unte", (1, 8, 8)), ["'unte'", "did you mean 'unet'", "auto, mlp, unet"]),
        (lambda: build("zzz", (2,)), ["'zzz'", "auto, mlp, unet"]),
        (lambda: build("mlp", (2,), widht=3), ["'widht'", "did you mean 'width'", "width, depth"]),
        (lambda: build("auto", (1, 8, 8), depth=3), ["unet", "'depth'", "width, mult, blocks"]),
        (lambda: build("unet", (2,)), ["shape=[2]", "channels, height, width", "mlp"]),
        (lambda: build("mlp", (0,)), ["shape=0", "at least 1"]),
        (lambda: build("mlp", (2,), 3), ["heads=3", "at least 1 and at most 2"]),
        (lambda: MLP(2, width=1), ["width=1", "at least 2"]),
        (lambda: MLP(2, depth=0), ["depth=0", "at least 1"]),
        (lambda: build("mlp", (2,), width="wide"), ["width='wide'", "integer"]),
        (lambda: UNet((1, 8, 8), width=30), ["width=30", "multiple of 4"]),
        (lambda: UNet((1, 8, 8), mult=[]), ["mult=[]", "[1, 2]"]),
        (lambda: build("unet", (1, 8, 8), mult=2), ["mult=2", "[1, 2]"]),
        (lambda: UNet((1, 8, 8), mult=[1, 0]), ["mult=0", "at least 1"]),
        (lambda: UNet((1, 8, 8), blocks=True), ["blocks=True", "integer"]),
        (lambda: UNet((1, 8, 8), dropout=1.0), ["dropout=1.0", "[0, 1)"]),
        (lambda: build("unet", (1, 8, 8), dropout="some"), ["dropout='some'", "number"]),
    ],
)
def test_a_mistake_gets_one_line(make: Callable[[], Network], words: list[str]) -> None:
    with pytest.raises(ValueError) as error:
        make()
    message = str(error.value)
    assert "\n" not in message
    assert not [word for word in words if word not in message]
