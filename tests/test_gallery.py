"""What the scripts of the gallery found, found again in small."""

import contextlib
import dataclasses
import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from wdist.calibration.families import families

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    """A script as a module; its `main` does not run."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_piles_of_earth_cost_five():
    carried, work, answer = example("piles_of_earth").solve()
    assert np.abs(carried).sum() == 5
    assert work == pytest.approx(5, rel=1e-12)
    plan = answer.detail.plan
    assert 10 * plan.mass @ np.abs(plan.rows - plan.cols) == pytest.approx(5, rel=1e-12)


def test_js_stops_and_w1_does_not():
    script = example("divergences")
    assert script.js(0) == pytest.approx(0, abs=1e-12)
    assert script.js(5) < 0.99 * math.log(2) < script.js(6) <= script.js(100) == pytest.approx(math.log(2))
    rng = np.random.default_rng(1)
    kl, js, w = script.sampled(50, 400, rng)
    assert kl == math.inf
    assert js == pytest.approx(math.log(2), rel=1e-6)
    assert w == pytest.approx(50, abs=0.3)
    assert script.sampled(0, 400, rng)[1] > 0.005  # of two samples of one law


def test_raw_samples_are_no_probabilities():
    shuffled, moved = example("divergences").raw(500, np.random.default_rng(2))
    assert shuffled > 0.1  # between a sample and itself
    assert moved < 1e-3


def test_simultaneous_steps_run_away_and_extragradient_arrives():
    play = example("bilinear_game").play
    off = {
        rule: np.hypot(*play(rule, 0.1, 500).T) / math.sqrt(2)
        for rule in ("simultaneous", "alternating", "extragradient")
    }
    assert off["simultaneous"] == pytest.approx(1.01 ** (np.arange(501) / 2))
    assert 0.95 < off["alternating"].min() < off["alternating"].max() < 1 + 1e-12
    assert off["extragradient"][-1] < 0.1
    slow = np.hypot(*play("simultaneous", 0.02, 2500)[-1]) / math.sqrt(2)
    assert 1.1 < slow < off["simultaneous"][-1]


def test_what_shifted_and_what_did_not():
    script = example("did_the_data_shift")
    for name in ("nile_flow_before_after_1898", "penguin_bill_adelie_Torgersen_vs_Dream_null"):
        with pytest.warns() if name.endswith("null") else contextlib.nullcontext():
            pair, found, p = script.verdict(name, 99)
        ratio = found.value / max(found.floor.a, found.floor.b)
        assert (p == 0.01 and ratio > 6) if pair.shifted else (p > 0.05 and ratio < 1.2)
    assert "refused: rows of a depend on the rows before them" in script.refusal()


def test_a_perfect_discriminator_leaves_minimax_without_a_gradient():
    script = example("perfect_discriminator")
    trainer, real = script.frozen(1, 0)
    norms = {game: script.gradients(trainer, real, game, 120, 1) for game in script.GAMES}
    falls = {game: np.median(one[-10:]) / np.median(one[5:15]) for game, one in norms.items()}
    assert falls["minimax"] < 0.02
    assert falls["−log D"] > 2
    assert 0.5 < falls["WGAN, penalty"] < 4


def test_over_its_own_slope_kappa_moves_less():
    script = example("kappa_moves")
    axis, _, scaling = (case for case, *_ in script.CASES.values())
    few, more = (script.kappas(axis, script.TENTH, steps, 0) for steps in (40, 120))
    assert more[0] > 1.4 * few[0]  # raw
    assert few[1] == pytest.approx(more[1], rel=0.1)
    wide = script.kappas(axis, script.wdist.Clip(0.3), 40, 0)
    assert 3 * few[0] < wide[0] < 27 * few[0]  # theory: c³, at the corner of the box
    assert wide[1] == pytest.approx(few[1], rel=0.1)
    above = (
        script.kappas(axis, script.NonNegative(0.1), 40, 0),
        script.kappas(scaling, script.NonNegative(0.1), 40, 0),
    )
    assert above[0][0] > 2 * few[0]
    assert above[1][1] < 0.8 * above[0][1]  # what falls to a centre is read too small from there


def test_raw_kappa_scatters_with_the_seed_and_over_its_slope_hardly():
    script = example("kappa_moves")
    case, *_ = script.CASES["shift along an axis"]
    raw, over = np.array([script.kappas(case, script.TENTH, 40, seed) for seed in range(4)]).T
    assert raw.std() / raw.mean() > 2 * over.std() / over.mean()


def test_raw_kappa_goes_with_the_direction_as_the_corner_of_the_box_does(monkeypatch):
    script = example("kappa_by_direction")
    assert script.shift(2, 45).w[1] == script.shift(16, 75).w[1] == pytest.approx(1)
    monkeypatch.setattr(script, "CRITIC", replace(script.CRITIC, steps=40))
    monkeypatch.setattr(script, "SEEDS", 2)
    axis, diagonal = (script.kappas(script.shift(16, degrees)).mean(axis=0) for degrees in (0, 75.52))
    assert 1.5 < diagonal[0] / axis[0] < 4  # 4 is the corner of the box
    assert diagonal[1] == pytest.approx(axis[1], rel=0.2)


@pytest.mark.filterwarnings(
    "ignore:W1 is:wdist.WdistWarning", "ignore:The calibrated value:wdist.WdistWarning"
)
def test_brackets_and_cards_put_in_order_what_raw_values_of_unlike_nets_do_not():
    script = example("kappa_architectures")
    digits, random = script.wdist.datasets.mnist(), families(3)["random"]
    images = digits.images.reshape(-1, 784) / 255
    axes = np.linalg.eigh(np.cov(images.T))[1][:, -3:]
    pairs = [[images[digits.labels == k][:400] @ axes for k in pair] for pair in ((1, 7), (0, 1))]
    looks = []
    for net in (replace(net, steps=40) for net in list(script.NETS.values())[:2]):
        card = script.wdist.calibrate(net, {"random": [random(0.8, 0)]}, replicates=2)
        method = script.wdist.Calibrated(net, card, "random")
        looks.append([script.look(*pair, method) for pair in pairs])
    near, far = np.array(looks).swapaxes(0, 1)  # (2, 4) each, a net a row
    assert near[:, 0].max() > 5 * near[:, 0].min()
    assert near[:, 1].max() < 1.3 * near[:, 1].min()
    raw, calibrated, bracket = (script.ordered(near, far, *ends)[0] for ends in ((0, 0), (1, 1), (2, 3)))
    assert raw < calibrated == bracket == 2


def test_a_clipped_critic_sees_a_hill_and_a_certified_one_the_modes():
    script = example("critic_surfaces")
    clipped = script.wdist.Critic(script.wdist.Clip(0.1), script.wdist.MLP((64, 64)), steps=100)
    certified = script.wdist.Critic(script.wdist.Orthonormal(), script.wdist.Cones(16), steps=60)
    (hill, low, steep), (modes, high, one) = (script.look("8 Gaussians", c) for c in (clipped, certified))
    assert script.peaks(hill, "8 Gaussians") == 0
    assert script.peaks(modes, "8 Gaussians") == 8
    assert one == pytest.approx(1, abs=0.02)
    assert high > 1.5 * low / steep


def test_gradients_of_a_deep_clipped_critic_vanish_or_explode_unless_normalised_over_the_batch():
    script = example("vanishing_gradients")

    def factor(name, norm, steps=4):
        norms = script.gradients(script.CRITICS[name][0], f"{norm} normalisation", steps)
        return (norms[0] / norms[-1]) ** (1 / 10)

    assert factor("clipped, c = 0.1", "no", 30) > 4
    assert factor("clipped, c = 0.01", "no") < 0.2
    assert factor("clipped, c = 0.001", "no") < 0.02
    assert 0.7 < factor("penalty, λ = 10", "no") < 1.5
    assert factor("clipped, c = 0.01", "layer", 30) < 0.6
    for name in list(script.CRITICS)[:3]:
        assert 0.7 < factor(name, "batch") < 1.5


def test_a_wgan_is_ahead_and_minimax_with_a_good_critic_stands_still():
    script = example("wgan_against_gan")
    data = script.gan.Data("mnist", classes=("7",))
    judge = script.gan.Evaluator(data.open().held_out(), most=200)
    clipped, still = (
        judge(script.trained(loss, 5e-4, 5, data, 900)).distance.value for loss in ("wgan", "gan-minimax")
    )
    assert clipped < 3
    assert still > 8


@pytest.mark.slow
def test_the_best_setting_of_a_wgan_is_nearer_than_that_of_a_gan():
    script = example("wgan_against_gan")
    data = script.gan.Data("mnist", classes=tuple("0123456789"))
    judge = script.gan.Evaluator(data.open().held_out(), most=300)
    best = {
        loss: min(
            judge(script.trained(loss, rate, n, data, 3600)).distance.value for rate in rates for n in rounds
        )
        for loss, rates, rounds, _ in script.GAMES.values()
    }
    assert best["wgan-gp"] < best["wgan"] < min(best["gan"], best["gan-minimax"])


@pytest.mark.slow
def test_molecules_are_learnt():
    pytest.importorskip("rdkit")
    script = example("molecules")
    data = script.wdist.datasets.qm9()
    base = script.molecules.score(*script.molecules.by_marginals(data, 1000), set(data.smiles))
    trainer = script.trainer()
    for _ in trainer.steps(600):
        pass
    found = script.score(trainer, 1000)
    assert found.product > 1.7 * base.product
    assert found.unique > 0.7
    assert found.novel > 0.9


@pytest.mark.slow
def test_a_standard_gan_of_four_layers_collapses_and_a_wgan_does_not():
    script = example("mode_collapse")
    games = ("WGAN, penalty", "GAN", "+ minibatch discrimination")
    wide, narrow, discriminating = (
        script.looks(game, 100, 2)[-1] for game in games
    )  # diversity, W1, missing
    assert narrow[0] < 0.15
    assert min(wide[0], discriminating[0]) > 2 * narrow[0]
    assert narrow[2] >= 8
    assert wide[1] < narrow[1] - 0.5


def test_a_run_of_the_flags_goes_on_where_it_ended(tmp_path):
    script = example("flags")
    one = script.trained(tmp_path / "run", 1)
    again = script.trained(tmp_path / "run", 5)  # the folder says 1
    assert again.trainer.step == 1
    found = script.gan.novelty(again.trainer.generator, again.trainer.parts)
    assert found.numbers == script.gan.novelty(one.trainer.generator, one.trainer.parts).numbers
    assert found.held.median() == pytest.approx(15, abs=0.1)
    assert found.reached < 10  # nearly one image is drawn again and again


@pytest.mark.slow
def test_a_palette_comes_near_the_flags_before_a_dcgan_does():
    script = example("flags")
    gan, config = script.gan, dataclasses.replace(script.config(300), evaluate=None, ema=0.99)
    dcgan = dataclasses.replace(
        config, generator=gan.DCGANGenerator(32), critic=gan.DCGANCritic(32),
        generator_optimizer=config.critic_optimizer,
    )  # fmt: skip
    off, even = [], []
    for one in (config, dcgan):
        trainer = gan.Trainer(one)
        for _ in trainer.steps(300):
            pass
        judged = gan.Evaluator(trainer.parts.held_out())(trainer.generator)
        off.append(judged.distance.value)
        even.append(script.evenness(trainer.generator.draw(200, torch.Generator().manual_seed(0))))
    assert off[0] < 0.6 * off[1]
    assert even[1] < 0.3 < 0.4 < even[0] < 1


@pytest.mark.slow
def test_a_critic_learns_few_flags_by_heart():
    script = example("flags")
    every = script.gan.opened("flags").train.at(np.arange(194)).reshape(-1, 32, 32, 3)
    gaps = []
    for flags in (every[::18], every):
        config = dataclasses.replace(script.config(200, flags), batch=16, ema=0.99, evaluate=None)
        seen = [report.gap for report in script.gan.Trainer(config).steps(200) if report.gap is not None]
        gaps.append(np.mean(seen[-2:]))
    assert gaps[1] < 2 < 3 < gaps[0]


@pytest.mark.slow
def test_sprites_are_learnt_and_not_copied(tmp_path):
    script = example("sprites")
    script.shapes(tmp_path, 150)
    _, (first,) = script.trained(str(tmp_path), 16, 1)
    trainer, rows = script.trained(str(tmp_path), 16, 300)
    distances = [row["debiased"] for row in rows if "debiased" in row]
    assert min(distances) < first["debiased"] / 4
    found = script.gan.novelty(trainer.generator, trainer.parts)
    assert found.nearer < 0.8
    assert found.reached > 20  # of 120


def test_over_its_own_slope_kappa_of_a_scaling_falls_with_the_dimension(monkeypatch):
    script = example("kappa_of_data")
    monkeypatch.setattr(script, "CRITIC", replace(script.CRITIC, steps=40))
    monkeypatch.setattr(script, "SEEDS", 2)
    few, many = (script.kappas(script.MOVES["scaling"](d, 1.0)).mean(axis=0) for d in (2, 64))
    assert many[0] < 1.3 * few[0]
    assert many[1] < 0.8 * few[1]
