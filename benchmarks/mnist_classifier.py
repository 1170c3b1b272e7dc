"""Train the classifier of digits that travels with wdist: `python -m benchmarks.mnist_classifier`, in half a minute.

Adam on the first 7000 bundled images, each shifted by up to two pixels, the rate falling along a cosine; the accuracy
on the other 3000, which nothing was chosen by, is measured at the end and written on its card.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from benchmarks.store import ROOT
from wdist import datasets
from wdist.gan.classifier import FILE, SIDE, TRAINED_ON, Card, DigitNet

EPOCHS, BATCH, LR, SHIFT = 30, 64, 2e-3, 2


def main() -> None:
    digits = datasets.mnist()
    images, labels = torch.as_tensor(digits.points), torch.as_tensor(digits.labels.astype("int64"))
    net, rng = DigitNet(torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    for epoch in range(EPOCHS):
        for rows in torch.randperm(TRAINED_ON, generator=rng).split(BATCH):
            loss = cross_entropy(net(shifted(images[rows], rng)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] = LR * 0.5 * (1 + math.cos(math.pi * (epoch + 1) / EPOCHS))
    with torch.no_grad():
        right = net(images[TRAINED_ON:]).argmax(dim=1) == labels[TRAINED_ON:]
    card = Card(TRAINED_ON, round(float(right.double().mean()), 4), len(right))
    net.save(ROOT / "wdist" / "data" / FILE, card)
    print(card)


def shifted(x: Tensor, rng: torch.Generator) -> Tensor:
    """Move each image of x (n, 784) by up to SHIFT pixels."""
    wide = pad(x.view(-1, SIDE, SIDE), (SHIFT,) * 4)
    down, right = torch.randint(2 * SHIFT + 1, (2, len(x)), generator=rng)
    rows = (down[:, None] + torch.arange(SIDE))[:, :, None]  # (n, 28, 1)
    columns = (right[:, None] + torch.arange(SIDE))[:, None, :]  # (n, 1, 28)
    return wide[torch.arange(len(x))[:, None, None], rows, columns].flatten(1)


if __name__ == "__main__":
    main()
