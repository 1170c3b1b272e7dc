"""The gradient of a critic in its input, in a form that can itself be differentiated in the weights.

A piecewise linear network is linear about almost every point, so its gradient there is a product of weights with the
activations' slopes between them. Written out so, a gradient penalty needs first-order autograd only. Other networks
are differentiated twice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wdist.critic.convolution import Convolution, Image
from wdist.critic.nets import Abs, FeedForward

__all__ = ["input_gradient", "is_piecewise_linear", "slope_of"]

PULLED_BACK = {nn.Linear, Convolution, Image, nn.Flatten, nn.Unflatten, nn.ReLU, nn.LeakyReLU, Abs}


def is_piecewise_linear(net: nn.Module) -> bool:
    """Whether `input_gradient` has the closed form: layers with ReLU, leaky ReLU or |·| between them."""
    if not isinstance(net, FeedForward) or type(net).forward is not FeedForward.forward:
        return False
    return all(type(layer) in PULLED_BACK for layer in net.layers)


def input_gradient(net: nn.Module, x: Tensor) -> Tensor:
    """∇f at each point, differentiable in the weights of the network.

    For f(x) = w_L·σ(W_{L−1}·σ(…W_1·x)) it is w_L·D_{L−1}·W_{L−1}⋯D_1·W_1 with D the activations' slopes, constant
    about x (as in Gulrajani et al. 2017, §4, but without a second backward pass); a convolution's W is the transposed
    convolution from this side.

    Args:
        net: Critic (n, d) -> (n,).
        x: Points, shape (n, d).

    Returns:
        Shape (n, d).
    """
    if is_piecewise_linear(net):
        assert isinstance(net, FeedForward)
        return _product_of_weights(net, x)
    z = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(z).sum(), z, create_graph=True)
    return gradient


def _product_of_weights(net: FeedForward, x: Tensor) -> Tensor:
    layers, seen = list(net.layers), [x]
    with torch.no_grad():
        for layer in layers[:-1]:
            seen.append(layer(seen[-1]))
    chain = x.new_ones(len(x), 1)
    for layer, h in zip(reversed(layers), reversed(seen), strict=True):
        chain = _pulled_back(layer, h, chain)
    return chain


def _pulled_back(layer: nn.Module, h: Tensor, g: Tensor) -> Tensor:
    """Gradient in a layer's input, which is h, from that in its output."""
    if isinstance(layer, nn.Linear):
        return g @ layer.weight
    if isinstance(layer, Convolution | Image):
        return layer.transposed(g)
    if isinstance(layer, nn.Flatten | nn.Unflatten):
        return g.reshape(h.shape)
    return g * slope_of(layer, h)


def slope_of(activation: nn.Module, h: Tensor) -> Tensor:
    """Derivative of an activation at h, as autograd has it at the kink."""
    if isinstance(activation, Abs):
        return h.sign()
    low = activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0.0
    return torch.where(h > 0, h.new_tensor(1.0), h.new_tensor(low))  # numbers would be float32
