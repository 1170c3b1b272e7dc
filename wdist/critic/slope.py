"""The gradient of a critic in its input, in a form that can itself be differentiated in the weights.

A piecewise linear network is linear about almost every point, so its gradient there is a product of weights with the
activations' slopes between them. Written out so, a gradient penalty needs first-order autograd only. Other networks
are differentiated twice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wdist.critic.nets import Abs, ScalarMLP

__all__ = ["input_gradient", "is_piecewise_linear", "slope_of"]


def is_piecewise_linear(net: nn.Module) -> bool:
    """Whether `input_gradient` has the closed form: an MLP of ReLU, leaky ReLU or |·|."""
    return isinstance(net, ScalarMLP) and net.activation in ("relu", "leaky_relu", "abs")


def input_gradient(net: nn.Module, x: Tensor) -> Tensor:
    """∇f at each point, differentiable in the weights of the network.

    For f(x) = w_L·σ(W_{L−1}·σ(…W_1·x)) it is w_L·D_{L−1}·W_{L−1}⋯D_1·W_1 with D the activations' slopes, constant
    about x (as in Gulrajani et al. 2017, §4, but without a second backward pass).

    Args:
        net: Critic (n, d) -> (n,).
        x: Points, shape (n, d).

    Returns:
        Shape (n, d).
    """
    if is_piecewise_linear(net):
        assert isinstance(net, ScalarMLP)
        return _product_of_weights(net, x)
    z = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(z).sum(), z, create_graph=True)
    return gradient


def _product_of_weights(net: ScalarMLP, x: Tensor) -> Tensor:
    weights, slopes = [], []
    with torch.no_grad():
        h = x
        for layer in net.layers:
            if not isinstance(layer, nn.Linear):
                slopes.append(slope_of(layer, h))  # (n, k)
            h = layer(h)
    weights = [layer.weight for layer in net.layers if isinstance(layer, nn.Linear)]
    chain = weights[-1].expand(len(x), -1)  # (n, k)
    for slope, weight in zip(reversed(slopes), reversed(weights[:-1]), strict=True):
        chain = (chain * slope) @ weight
    return chain


def slope_of(activation: nn.Module, h: Tensor) -> Tensor:
    """Derivative of an activation at h, as autograd has it at the kink."""
    if isinstance(activation, Abs):
        return h.sign()
    low = activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0.0
    return torch.where(h > 0, h.new_tensor(1.0), h.new_tensor(low))  # numbers would be float32
