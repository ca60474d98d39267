"""How good samples are after minutes of training: guards against a slow decay of everything."""

from __future__ import annotations

import pytest
import torch

import genphys
from genphys.data import load_dataset
from genphys.data.toys import CENTRES, WEIGHTS
from genphys.metrics import memorised_fraction, sliced_wasserstein
from genphys.potentials.pfgmpp import Pfgmpp

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_digits() -> None:
    """PFGM++, D = 128: 2,000 samples within 1.35 times the floor, at most 2 % near copies."""
    data = load_dataset("digits")
    process = Pfgmpp(D=128).bind(dim=data.dim)
    model = genphys.train(process, data, steps=800, batch=128, lr=1e-3, progress=False)
    generator = torch.Generator().manual_seed(0)
    samples = genphys.sample(model, 2000, sampler="heun", steps=18, generator=generator)
    u = data.units.to_mapped(samples.x)
    floor = sliced_wasserstein(data.train, data.test)
    ratio = sliced_wasserstein(u, data.test) / floor
    copied = memorised_fraction(u, data.train, data.test)
    print(f"ratio {ratio:.3f}, floor {floor:.4f}, near copies {copied:.4f}")
    assert samples.nfe == 35 and ratio < 1.35 and copied <= 0.02


def test_the_shares_of_eight_clusters() -> None:
    """D = 8: each cluster has its share within 0.03, of 20,000 samples (3 sd are 0.01)."""
    data = load_dataset("gaussians")
    process = Pfgmpp(D=8).bind(dim=2)
    model = genphys.train(process, data, steps=1500, progress=False)
    generator = torch.Generator().manual_seed(0)
    x = genphys.sample(model, 20_000, generator=generator).x.double()
    nearest = torch.cdist(x, torch.from_numpy(CENTRES)).argmin(1)
    shares = torch.bincount(nearest, minlength=8) / len(x)
    print(f"shares {[round(s, 3) for s in shares.tolist()]}")
    assert shares.tolist() == pytest.approx(WEIGHTS.tolist(), abs=0.03)
