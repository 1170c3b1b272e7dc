"""Graphs as rows, a generator that draws them, a critic that hears along their bonds; molecules by RDKit."""

import sys

import numpy as np
import pytest
import torch

import wdist
from wdist import gan
from wdist.datasets import qm9
from wdist.gan import GraphCritic, GraphGenerator, GraphLayout, molecules
from wdist.gan.form import Form
from wdist.gan.graphs import straight_through

LAYOUT = GraphLayout()
SMALL = GraphLayout(nodes=4, kinds=3, bonds=3)


def graphs(n, layout, seed=0):
    """Codes of any nodes and any bonds."""
    rng = np.random.default_rng(seed)
    adj = np.triu(rng.integers(layout.bonds, size=(n, layout.nodes, layout.nodes)), 1)
    return rng.integers(layout.kinds, size=(n, layout.nodes)), adj + adj.transpose(0, 2, 1)


def standard(rows):
    return torch.from_numpy(rows).double() / 127.5 - 1


class TestLayout:
    @pytest.mark.parametrize("layout", [LAYOUT, SMALL])
    def test_a_graph_comes_back_from_its_row(self, layout):
        nodes, adj = graphs(200, layout)
        rows = layout.encode(nodes, adj)
        assert rows.shape == (200, layout.dim)
        assert rows.dtype == np.uint8
        assert (rows.sum(axis=1, dtype=int) == 255 * (layout.nodes + layout.pairs)).all()
        for given, found in zip((nodes, adj), layout.decode(rows), strict=True):
            assert (given == found).all()

    @pytest.mark.parametrize(
        ("nodes", "adj", "message"),
        [
            (np.zeros((2, 3), int), np.zeros((2, 4, 4), int), r"\(2, 3\) and \(2, 4, 4\); pass \(n, 4\)"),
            (
                np.full((1, 4), 3),
                np.zeros((1, 4, 4), int),
                "nodes has codes 3 to 3; pass whole numbers 0 to 2",
            ),
            (
                np.zeros((1, 4)),
                np.zeros((1, 4, 4), int),
                r"nodes has codes 0\.0 to 0\.0; pass whole .* as integers",
            ),
            (
                np.zeros((1, 4), int),
                np.full((1, 4, 4), -1),
                "adj has codes -1 to -1; pass whole numbers 0 to 2",
            ),
        ],
    )
    def test_what_is_no_graph_is_refused(self, nodes, adj, message):
        with pytest.raises(wdist.InputError, match=message):
            SMALL.encode(nodes, adj)

    def test_a_layout_has_two_of_everything(self):
        with pytest.raises(wdist.InputError, match="bonds is 1; pass an int of at least 2"):
            GraphLayout(bonds=1)


class TestGenerator:
    def test_it_draws_with_the_odds_of_its_softmax(self):
        recipe = GraphGenerator(SMALL, (5,), code=2, gain=2.0)
        net = recipe.build(Form((SMALL.dim,), bounded=True), torch.Generator().manual_seed(0), torch.float64)
        last = net.odds[-1]
        with torch.no_grad():
            last.weight.zero_()
        z = torch.randn(
            20_000, recipe.latent, generator=torch.Generator().manual_seed(1), dtype=torch.float64
        )
        drawn = net(z).detach()
        assert set(drawn.unique().tolist()) == {-1.0, 1.0}
        logits = 2.0 * last.bias.detach()[None]
        for found, expected in zip(SMALL.groups((drawn + 1) / 2), SMALL.groups(logits), strict=True):
            assert (found.sum(dim=2) == 1).all()
            assert torch.allclose(found.mean(dim=0), expected[0].softmax(-1), atol=0.015)

    def test_the_gradient_is_that_of_the_softmax(self):
        logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(3, 4, dtype=torch.float64)
        found = torch.autograd.grad((weight * straight_through(logits)).sum(), logits)[0]
        expected = torch.autograd.grad((weight * logits.softmax(-1)).sum(), logits)[0]
        assert torch.allclose(found, expected, atol=1e-12)

    def test_a_class_changes_the_odds_and_the_noise_decides(self):
        recipe = GraphGenerator(SMALL, (16,), code=2)
        net = recipe.build(Form((SMALL.dim,), True, 2), torch.Generator().manual_seed(0), torch.float64)
        z = torch.randn(500, recipe.latent, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        one, other = (net(torch.cat([z, label.expand(500, 2)], dim=1)) for label in torch.eye(2).double())
        assert (one != other).any()
        assert (one == other).float().mean() > 0.5
        alike = torch.cat([0 * z[:, :2], z[:, 2:], 0 * z[:, :2]], dim=1)  # the same code, other noise
        assert len(net(alike).unique(dim=0)) > 100

    def test_it_makes_graphs_only(self):
        with pytest.raises(wdist.InputError, match="points of 7 coordinates are no graphs of GraphLayout"):
            gan.GraphLayout().decode(torch.zeros(2, 7))
        with pytest.raises(wdist.InputError, match="points of 784 coordinates are no graphs of GraphLayout"):
            gan.Trainer(gan.preset("wgan-gp", "mnist", generator=GraphGenerator()))
        rows = LAYOUT.encode(*graphs(20, LAYOUT)).astype(float)
        with pytest.raises(wdist.InputError, match="rows of levels 0 and 255, uint8"):
            gan.Trainer(gan.preset("wgan-gp", rows, generator=GraphGenerator()))
        with pytest.raises(wdist.InputError, match=r"widths is \(\); pass the units"):
            GraphGenerator(widths=())


class TestCritic:
    def build(self, placed):
        x = standard(SMALL.encode(*graphs(50, SMALL)))
        return GraphCritic(SMALL, placed=placed).build(x, x, torch.Generator().manual_seed(0))

    @pytest.mark.parametrize("placed", [False, True])
    def test_it_does_not_see_an_order_unless_it_is_told(self, placed):
        nodes, adj = graphs(50, SMALL)
        order = np.array([2, 0, 3, 1])
        again = SMALL.encode(nodes[:, order], adj[:, order][:, :, order])
        net = self.build(placed)
        alike = torch.allclose(net(standard(SMALL.encode(nodes, adj))), net(standard(again)), atol=1e-12)
        assert alike is not placed

    @pytest.mark.parametrize("placed", [False, True])
    def test_it_sees_every_node_and_every_bond(self, placed):
        x = standard(SMALL.encode(*graphs(50, SMALL))).requires_grad_()
        (slope,) = torch.autograd.grad(self.build(placed)(x).sum(), x)
        of_nodes, of_pairs = SMALL.groups(slope)
        assert (of_nodes.abs().amax(dim=0) > 1e-6).all()
        assert (of_pairs[:, :, 1:].abs().amax(dim=0) > 1e-6).all()
        assert (of_pairs[:, :, 0] == 0).all()  # no bond says nothing that the others do not

    def test_it_grows(self):
        wider = GraphCritic(SMALL, placed=False).grown(128)
        assert wider == GraphCritic(SMALL, (64, 64), 128, placed=False)
        assert wider.grown(128) is None


class TestTraining:
    def test_a_small_law_of_graphs_is_learnt(self):
        """Paths and rings of four, all nodes alike: of 729 × 81 graphs, two."""
        adj = np.zeros((40, 4, 4), int)
        for i in range(3):
            adj[:, i, i + 1] = adj[:, i + 1, i] = 1
        adj[20:, 0, 3] = adj[20:, 3, 0] = 1
        rows = SMALL.encode(np.ones((40, 4), int), adj)
        config = gan.preset(
            "wgan-gp", rows, generator=GraphGenerator(SMALL, (32,), code=4), critic=GraphCritic(SMALL, (16,), 16),
            n_critic=3, batch=32, held_every=0,
        )  # fmt: skip
        trainer = gan.Trainer(config, seed=0)

        def right():
            drawn = trainer.generator.draw(500, torch.Generator().manual_seed(1)).numpy()
            known = {row.tobytes() for row in rows}
            found = [row for row in (255 * drawn).astype(np.uint8) if row.tobytes() in known]
            return len(found), len({row.tobytes() for row in found})

        assert right()[0] < 5
        for _ in trainer.steps(100):
            pass
        many, distinct = right()
        assert many > 250
        assert distinct == 2

    def test_a_generator_comes_back_from_its_file_and_a_run_from_its_state(self, tmp_path):
        rows = SMALL.encode(*graphs(40, SMALL))
        config = gan.preset(
            "wgan-gp", rows, generator=GraphGenerator(SMALL), critic=GraphCritic(SMALL), batch=8
        )
        first, again = gan.Trainer(config, seed=0), gan.Trainer(config, seed=1)
        list(first.steps(2))
        again.restore(first.state())
        first.generator.save(tmp_path / "graphs.safetensors")
        loaded = gan.load(tmp_path / "graphs.safetensors")
        drawn = first.generator.draw(9, torch.Generator().manual_seed(2))
        for one in (loaded, again.generator):
            assert torch.equal(one.draw(9, torch.Generator().manual_seed(2)), drawn)


def molecule(atoms, *bonds):
    """Codes of one molecule of at most four atoms, in a batch of one."""
    nodes, adj = np.zeros((1, 4), int), np.zeros((1, 4, 4), int)
    nodes[0, : len(atoms)] = ["_CNOF".index(atom) for atom in atoms]
    for i, j, order in bonds:
        adj[0, i, j] = adj[0, j, i] = order
    return nodes, adj


class TestMolecules:
    @pytest.mark.parametrize(
        ("codes", "line"),
        [
            (molecule("CCO", (0, 1, 1), (1, 2, 1)), "CCO"),
            (molecule("NC", (0, 1, 3)), "C#N"),
            (molecule("COF"), "C.F.O"),
            (molecule("C_C", (0, 2, 2)), "C=C"),
            (molecule("FCF", (0, 1, 1), (1, 2, 2)), None),  # fluorine with two bonds
            (molecule("CNCC", (0, 1, 2), (1, 2, 1), (1, 3, 1)), None),  # nitrogen with four
            (molecule("CC", (0, 1, 1), (1, 2, 1)), None),  # a bond to no atom
            (molecule(""), None),
        ],
    )
    def test_a_molecule_is_written_and_what_is_none_is_not(self, codes, line):
        pytest.importorskip("rdkit")
        assert molecules.smiles(*codes) == [line]

    def test_five_thousand_molecules_come_back_from_their_rows(self):
        pytest.importorskip("rdkit")
        data = qm9()
        assert molecules.smiles(*LAYOUT.decode(LAYOUT.encode(data.nodes, data.adj))) == data.smiles.tolist()

    def test_the_score_counts(self):
        pytest.importorskip("rdkit")
        water, methanol = molecule("O"), molecule("CO", (0, 1, 1))
        several = [
            water,
            water,
            methanol,
            molecule("OC", (0, 1, 1)),
            molecule("OO"),
            molecule("FF", (0, 1, 2)),
        ]
        found = molecules.score(*(np.concatenate(part) for part in zip(*several, strict=True)), {"O"})
        assert found == gan.MoleculeScore(6, 5 / 6, 4 / 5, 2 / 4, 1 / 2)
        assert found.product == pytest.approx(2 / 6)

    def test_the_baseline_is_a_third_valid_and_a_sixth_whole(self):
        pytest.importorskip("rdkit")
        data = qm9()
        nodes, adj = molecules.by_marginals(data, 2000, seed=0)
        assert np.bincount(nodes[:, 0]) / 2000 == pytest.approx(
            np.bincount(data.nodes[:, 0], minlength=5)[: nodes[:, 0].max() + 1] / 5000, abs=0.04
        )
        found = molecules.score(nodes, adj, set(data.smiles.tolist()))
        assert found.valid == pytest.approx(0.30, abs=0.03)
        assert found.valid * found.connected == pytest.approx(0.16, abs=0.025)
        assert min(found.unique, found.novel) > 0.98

    def test_without_rdkit_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "rdkit", None)
        with pytest.raises(
            wdist.InputError, match=r"judged and drawn by RDKit .*pip install 'wdist\[molecules\]'"
        ):
            molecules.smiles(*molecule("O"))

    def test_structures_are_drawn_side_by_side(self):
        pytest.importorskip("rdkit")
        drawn = molecules.picture(["CCO", "C#N", "O"], across=2)
        assert drawn.shape == (260, 340, 3)
        inked = [(drawn[y : y + 130, x : x + 170] < 250).any() for y in (0, 130) for x in (0, 170)]
        assert inked == [True, True, True, False]
        with pytest.raises(wdist.InputError, match="'C=F=C' is no molecule; pass some that smiles"):
            molecules.picture(["CCO", "C=F=C"])

    @pytest.mark.parametrize(
        ("nodes", "adj", "message"),
        [
            (
                np.zeros(4, int),
                np.zeros((4, 4), int),
                r"shapes \(4,\) and \(4, 4\); pass \(n, k\) and \(n, k, k\)",
            ),
            (
                np.ones((1, 2)),
                np.zeros((1, 2, 2), int),
                r"nodes has codes 1.0 to 1.0; pass whole numbers 0 to 4 .*, as integers",
            ),
            (
                np.ones((1, 2), int),
                np.array([[[0, 1], [0, 0]]]),
                "adj is not symmetric; pass each bond at both places",
            ),
            (
                np.full((1, 2), 5),
                np.zeros((1, 2, 2), int),
                r"nodes has codes 5 to 5; pass whole numbers 0 to 4 \(none, C, N, O, F\)",
            ),
            (
                np.ones((1, 2), int),
                np.full((1, 2, 2), 4),
                r"adj has codes 4 to 4; pass whole numbers 0 to 3 \(none, SINGLE",
            ),
        ],
    )
    def test_other_codes_are_refused(self, nodes, adj, message):
        with pytest.raises(wdist.InputError, match=message):
            molecules.smiles(nodes, adj)
