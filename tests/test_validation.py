"""The parity report: conventions are right on cases known by hand, a wrong or unfinished peer is found out."""

import importlib
import json
import math
import os
import re
import warnings
from functools import partial

import numpy as np
import ot
import pytest
import scipy.stats
import torch
from typer.testing import CliRunner

import wdist
from wdist import InputError
from wdist.cli import app
from wdist.errors import NotConvergedError
from wdist.question import ask
from wdist.rng import as_rng
from wdist.validation import Row, ValidationReport, Verdict
from wdist.validation.asking import Asker
from wdist.validation.metering import metered
from wdist.validation.peers import PEERS, Peer, Reference
from wdist.validation.peers.peer import check_marginals
from wdist.validation.problem import pose
from wdist.validation.quantities import DIVERGENCE, ENTROPIC, EXACT, GAUSSIAN, QUANTITIES, SLICED

comparison = importlib.import_module("wdist.validation.comparison")
validate = partial(wdist.validate, time_limit=None)  # in this process, where peers can be put out of order
A, B = [0.0, 1.0, 3.0], [5.0, 6.0, 8.0]
INSTALLED = [peer for peer in PEERS if peer.installed()]


@pytest.fixture
def at_hand(monkeypatch):
    """Only the peers that are always there, so that a test takes the same time everywhere."""
    monkeypatch.setattr(comparison, "PEERS", PEERS[:2])


def problem_of(a, b, p, **options):
    question = ask(a, b, p=p, rng=as_rng(0), **options)
    return question, pose(question, as_rng(0))


def answers(quantity, a, b, p, **options):
    """What every installed peer says, in the unit of the data, after our own answer."""
    question, problem = problem_of(a, b, p, **options)
    found = {"wdist": quantity.answer(question, problem)}
    for peer in INSTALLED:
        for reference in peer.references:
            if reference.quantity is quantity and reference.applies(problem):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    reference.check(problem)
                    found[reference.call] = problem.unit * reference.answer(problem)
    return found


# --- the conventions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_a_shift_is_its_length_for_every_peer(p, offset):
    """W_p of a shifted sample is the shift, whatever p: a root or a power left out would show."""
    x = np.array([0.0, 0.25, 1.0, 1.5]) + offset
    line = answers(EXACT, x, x + 3, p)
    assert len(line) == (6 if p == 1 else 5)
    plane = answers(EXACT, np.stack([x, x], 1), np.stack([x + 3, x + 4], 1), p)
    assert len(plane) == (4 if p == 1 else 3)
    for found, truth in ((line, 3), (plane, 5)):
        assert found == pytest.approx(dict.fromkeys(found, truth), rel=1e-9 if offset == 0 else 1e-6)
    assert answers(SLICED, x, x + 3, p) == pytest.approx(
        {"wdist": 3, "ot.sliced_wasserstein_distance": 3}, rel=1e-6
    )


@pytest.mark.parametrize("p", [1, 2])
def test_entropic_costs_of_two_single_points_are_the_distance(p):
    """One coupling only: no entropy, OT_ε = distance**p = S_ε, for every peer and its own idea of cost and ε."""
    for quantity in (ENTROPIC, DIVERGENCE):
        found = answers(quantity, [[1.0, 2.0]], [[4.0, 6.0]], p)
        assert len(found) == len(INSTALLED)  # wdist, and all peers but SciPy
        assert found == pytest.approx(dict.fromkeys(found, 5), rel=1e-6)


def test_entropic_transport_on_two_points_by_hand():
    """For masses 1/2 on {0, L} both, P = (t, s; s, t), t + s = 1/2: with c = L**p, t/s = exp(c/ε)."""
    for p in (1, 2):
        question, problem = problem_of([0.0, 2.0], [0.0, 2.0], p)
        cost, epsilon = 2.0**p, problem.epsilon * problem.unit**p
        t, s = 0.5 / (1 + math.exp(-cost / epsilon)), 0.5 / (1 + math.exp(cost / epsilon))
        power = 2 * s * cost + 2 * epsilon * (t * math.log(4 * t) + s * math.log(4 * s))
        found = answers(ENTROPIC, [0.0, 2.0], [0.0, 2.0], p)
        assert epsilon == pytest.approx(0.05 * cost / 2)
        assert found == pytest.approx(dict.fromkeys(found, power ** (1 / p)), rel=1e-3)
        assert found["ot.bregman.sinkhorn_log"] == pytest.approx(power ** (1 / p), rel=1e-6)
        assert ENTROPIC.answer(question, problem) == pytest.approx(power ** (1 / p), rel=1e-6)


def test_gaussian_by_hand():
    found = answers(GAUSSIAN, [0.0, 2.0], [4.0, 8.0], 2)  # means 1 and 6, deviations 1 and 2
    assert found == pytest.approx(dict.fromkeys(found, math.sqrt(26)), rel=1e-9)
    assert len(found) == 3


def test_weights_reach_every_peer(rng):
    a, b = rng.normal(size=(9, 2)), rng.normal(size=(7, 2)) + 1
    masses = {"weights_a": [0, *rng.dirichlet(np.ones(8))], "weights_b": rng.dirichlet(np.ones(7))}
    for quantity in QUANTITIES:
        found = answers(quantity, a, b, 2, **masses)
        assert len(found) > 1
        assert found == pytest.approx(dict.fromkeys(found, found["wdist"]), rel=1e-3)
        assert found["wdist"] != pytest.approx(answers(quantity, a, b, 2)["wdist"], rel=1e-3)


# --- the verdicts ------------------------------------------------------------------------------------------


def row(report, call):
    (found,) = [row for row in report.rows if row.call == call]
    return found


def test_all_is_well(at_hand):
    report = validate(A, B)
    assert report.agrees
    assert {row.verdict for row in report.rows} == {Verdict.AGREES}
    assert {row.quantity for row in report.rows} == {
        *("W1", "W2", "entropic OT_ε", "entropic OT_ε^(1/2)", "sliced W1", "sliced W2", "Gaussian W2"),
        *("Sinkhorn divergence S_ε", "Sinkhorn divergence S_ε^(1/2)"),
    }
    found = row(validate(A, B, p=1), "scipy.stats.wasserstein_distance")
    assert (found.ours, found.reference, found.difference) == (5, 5, 0)
    assert found.seconds > 0
    assert found.seconds_ours > 0


@pytest.mark.parametrize(
    ("module", "name", "call"),
    [
        (scipy.stats, "wasserstein_distance", "scipy.stats.wasserstein_distance"),
        (ot, "emd2_1d", "ot.emd2_1d"),
        (ot, "sliced_wasserstein_distance", "ot.sliced_wasserstein_distance"),
    ],
)
def test_a_peer_that_is_one_percent_off_is_found_out(at_hand, monkeypatch, module, name, call):
    real = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *a, **o: 1.01 * real(*a, **o))
    report = validate(A, B, p=1)
    found = row(report, call)
    assert found.verdict is Verdict.DISAGREES
    assert found.difference == pytest.approx(1 - 1 / 1.01)
    assert not report.agrees
    assert report.counts[Verdict.DISAGREES] == 1
    assert "1 DISAGREES" in repr(report)


def test_wdist_one_percent_off_is_found_out(at_hand, monkeypatch):
    real = wdist.Line.estimate

    def off(self, question, rng):
        found = real(self, question, rng)
        return wdist.Estimate(
            1.01 * found.value, found.p, found.method, found.bound, found.target, found.quantity
        )

    monkeypatch.setattr(wdist.Line, "estimate", off)
    report = validate(A, B, p=1)
    assert report.counts[Verdict.DISAGREES] == 5  # each of the references on the line


def test_a_network_simplex_out_of_iterations_is_refused(at_hand, monkeypatch, rng):
    from wdist.validation.peers import pot

    monkeypatch.setattr(pot, "PIVOTS", 3)
    report = validate(rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), p=1)
    found = row(report, "ot.emd2")
    assert found.verdict is Verdict.UNCONVERGED
    assert found.reference is None
    assert found.difference is None
    assert found.reason.startswith("ot.emd2 says: numItermax reached")
    assert report.agrees  # what a peer does not vouch for proves nothing, either way


def test_sinkhorn_out_of_steps_is_refused(at_hand, monkeypatch, rng):
    from wdist.validation.peers import pot

    monkeypatch.setattr(pot, "STEPS", 1)
    report = validate(rng.normal(size=(30, 2)), rng.normal(size=(20, 2)), p=1)
    found = row(report, "ot.bregman.sinkhorn_log")
    assert (found.verdict, found.reference) == (Verdict.UNCONVERGED, None)
    assert re.fullmatch(r"its plan misplaces 0\.\d+ of the mass, more than 2e-05", found.reason)


def test_marginals_are_half_the_l1_distance():
    a = b = np.array([0.5, 0.5])
    plan = np.array([[0.5, 0.0], [0.0, 0.4]])
    check_marginals(plan, a, b, 0.101)
    with pytest.raises(NotConvergedError, match=r"misplaces 0\.1 of the mass, more than 0\.099"):
        check_marginals(plan, a, b, 0.099)
    with pytest.raises(NotConvergedError, match="nan"):
        check_marginals(plan * math.nan, a, b, 1.0)


def one_peer(monkeypatch, answer, **options):
    peer = Peer("Mock", "numpy", "numpy", (Reference("mock.f", EXACT, answer, **options),))
    monkeypatch.setattr(comparison, "PEERS", (peer,))


def test_a_peer_that_fails_does_not_take_the_report_down(monkeypatch):
    one_peer(monkeypatch, lambda _: 1 / 0)
    report = validate(A, B, p=1)
    assert [(row.verdict, row.reason) for row in report.rows] == [
        (Verdict.FAILED, "ZeroDivisionError: division by zero")
    ]
    assert not report.agrees  # nothing was compared
    one_peer(monkeypatch, lambda _: math.nan)
    (found,) = validate(A, B, p=1).rows
    assert (found.verdict, found.reference, found.reason) == (Verdict.FAILED, None, "it returned nan")


def test_a_peer_that_runs_over_is_stopped_and_the_next_one_asked(monkeypatch):
    def endless(_):
        while True:
            pass

    late = Reference("mock.late", EXACT, endless)
    wrong = Reference("mock.wrong", EXACT, lambda _: 1 / 0)
    good = Reference("mock.good", EXACT, lambda problem: 5 / problem.unit)
    monkeypatch.setattr(comparison, "PEERS", (Peer("Mock", "numpy", "numpy", (late, wrong, good)),))
    report = wdist.validate(A, B, p=1, time_limit=0.7)
    stopped, failed, answered = report.rows
    assert (stopped.verdict, stopped.seconds, stopped.reason) == (Verdict.STOPPED, 0.7, "no answer in 700 ms")
    assert (failed.verdict, failed.reason) == (Verdict.FAILED, "ZeroDivisionError: division by zero")
    assert (answered.verdict, answered.reference) == (Verdict.AGREES, 5.0)
    assert report.agrees


@pytest.mark.slow
def test_a_peer_whose_process_dies_has_failed_and_the_next_one_is_asked(monkeypatch):
    dead = Reference("mock.dead", EXACT, lambda _: os._exit(1))
    good = Reference("mock.good", EXACT, lambda problem: 5 / problem.unit)
    monkeypatch.setattr(comparison, "PEERS", (Peer("Mock", "numpy", "numpy", (dead, good)),))
    died, answered = wdist.validate(A, B, p=1).rows
    assert (died.verdict, died.reference) == (Verdict.FAILED, None)
    assert "Terminated" in died.reason
    assert answered.verdict is Verdict.AGREES


def test_a_check_after_the_answer_refuses_it(monkeypatch):
    def refuse(_):
        raise NotConvergedError("no")

    one_peer(monkeypatch, lambda _: 5.0, check=refuse)
    (found,) = validate(A, B, p=1).rows
    assert (found.verdict, found.reference, found.reason) == (Verdict.UNCONVERGED, None, "no")


def test_what_is_too_large_is_not_asked(monkeypatch):
    one_peer(monkeypatch, lambda _: 1 / 0, most_pairs=8)
    (found,) = validate(A, B, p=1).rows
    assert (found.verdict, found.ours) == (Verdict.TOO_LARGE, None)
    assert found.reason == "9 pairs of points, and it is asked at most 8"


def test_wdist_unconverged_is_no_agreement(at_hand, monkeypatch):
    hasty = wdist.Sinkhorn(max_iter=1)
    monkeypatch.setattr("wdist.validation.quantities._solver", lambda _: hasty)
    report = validate([0.0, 1.0, 5.0], [2.0, 3.0, 4.0, 9.0], p=1)
    assert not report.agrees
    assert row(report, "ot.bregman.sinkhorn_log").verdict is Verdict.OURS_UNCONVERGED


def test_single_precision_has_its_own_tolerance(at_hand, rng):
    x, y = (torch.from_numpy(rng.normal(size=(40, 3))).float() for _ in range(2))
    report = validate(x, y, p=2)
    assert report.agrees
    assert row(report, "ot.sliced_wasserstein_distance").tolerance == 1e-5
    assert row(report, "ot.emd2").tolerance == 1e-9


def test_equal_samples_agree_at_zero(at_hand):
    assert validate([[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.0], [2.0, 3.0]]).agrees


# --- the report ----------------------------------------------------------------------------------------------


def test_a_peer_that_is_absent_is_said_to_be(monkeypatch):
    absent = Peer("Absent", "no-such-package", "no_such_module", PEERS[1].references)
    monkeypatch.setattr(comparison, "PEERS", (PEERS[0], absent))
    report = validate(A, B, p=1)
    assert {row.peer for row in report.rows} == {"SciPy"}
    assert "Absent not installed" in report.to_markdown()
    assert report.to_dict()["peers"][1] == {"name": "Absent", "version": None}


def test_its_json_has_every_field(at_hand):
    told = json.loads(json.dumps(validate(A, B, p=2).to_dict(), allow_nan=False))
    assert set(told) == {"agrees", "counts", "peers", "environment", "measured", "rows"}
    assert set(told["rows"][0]) == set(Row.__dataclass_fields__)
    assert told["agrees"] is True
    assert told["counts"] == {"agrees": len(told["rows"])}
    assert [peer["name"] for peer in told["peers"]] == ["SciPy", "POT"]
    assert "VmHWM" in told["measured"]


def test_its_page(at_hand):
    page = validate(A, B, p=1).to_markdown()
    assert page.startswith(
        "# wdist beside its peers\n\n8 comparisons: 8 agrees; largest relative difference "
    )
    lines = [
        line for line in page.splitlines() if line.startswith("| W1 | scipy.stats.wasserstein_distance |")
    ]
    assert lines[0].split(" | ")[2:6] == ["5", "5", "1e-09", "agrees: 0.0e+00"]
    assert len({line.count(" | ") for line in page.splitlines() if line.startswith("|")}) == 1


def test_a_report_of_nothing_agrees_on_nothing():
    empty = ValidationReport((), (), {})
    assert not empty.agrees
    assert repr(empty) == "0 comparisons: none could be made"


def test_progress_counts_the_rows(at_hand):
    seen = []
    report = validate(A, B, p=2, progress=lambda done, count: seen.append((done, count)))
    assert seen == [(k + 1, len(report.rows)) for k in range(len(report.rows))]


def test_memory_is_the_peak_above_what_was_there():
    found = metered(lambda: float(np.ones(4_000_000).sum()))
    assert found.value == 4e6
    if found.extra is None:
        pytest.skip("this system does not let the high-water mark be set back")
    assert 30e6 < found.extra < 45e6


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        ({"a": A}, "a is given alone; pass both samples, or neither for the bundled"),
        ({"weights_a": A}, "weights are for samples of your own; pass a and b"),
        ({"a": A, "b": B, "p": math.inf}, "p is inf, which no peer answers; pass a finite p"),
        ({"a": A, "b": lambda n: np.zeros(n)}, "peers compare given samples, and a or b is a source"),
        ({"a": A, "b": [math.nan]}, "b is not finite in row 0"),
    ],
)
def test_a_bad_request(ask, text):
    with pytest.raises(InputError, match=re.escape(text)):
        validate(**ask)


@pytest.mark.slow
def test_wdist_agrees_with_every_peer_on_the_bundled_samples():
    report = validate()
    assert report.agrees, repr(report)
    assert report.counts[Verdict.AGREES] > 80


# --- the command -----------------------------------------------------------------------------------------------


def run(*line):
    return CliRunner().invoke(app, ["validate", *line], prog_name="wdist", env={"COLUMNS": "200"})


@pytest.fixture
def files(tmp_path, monkeypatch, at_hand):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparison, "Asker", lambda limit: Asker(None))  # a process takes seconds to start
    np.save("a.npy", A)
    np.save("b.npy", B)
    return tmp_path


def test_the_command_prints_tables_and_writes_the_page(files):
    result = run("a.npy", "b.npy", "--p", "1", "--out", "report.md")
    assert result.exit_code == 0, result.output
    assert "scipy.stats.wasserstein_distance" in result.stdout
    assert (
        result.stdout.rstrip()
        .splitlines()[-1]
        .startswith("8 comparisons: 8 agrees; largest relative difference")
    )
    assert (files / "report.md").read_text().startswith("# wdist beside its peers")


def test_the_command_speaks_json_and_exits_by_the_verdict(files, monkeypatch):
    result = run("a.npy", "b.npy", "--p", "1", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["agrees"] is True
    one_peer(monkeypatch, lambda _: 5.05)
    result = run("a.npy", "b.npy", "--p", "1", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["counts"] == {"DISAGREES": 1}


def test_the_command_keeps_to_eighty_columns(files, monkeypatch):
    rows = tuple(
        Row("samples", quantity, "Mock", call, verdict, 1e-9, 1 / 3, *rest, reason=reason)
        for quantity in ("W1", "Sinkhorn divergence S_ε^(1/2)")
        for call, verdict, rest, reason in (
            (
                "ot.gaussian.empirical_bures_wasserstein_distance",
                Verdict.AGREES,
                (1 / 3, 1e-16, 12.3, 0.1, 2**40, 9),
                "",
            ),
            (
                "geomloss.SamplesLoss(debias=True)",
                Verdict.STOPPED,
                (None, None, 12.3, 60.0),
                "no answer in 60 s",
            ),
        )
    )
    seen = {}
    monkeypatch.setattr(wdist, "validate", lambda *a, **o: seen.update(o) or ValidationReport(rows, (), {}))
    line = ["validate", "a.npy", "b.npy", "--time-limit", "7"]
    result = CliRunner().invoke(app, line, env={"COLUMNS": "80"})
    assert seen["time_limit"] == 7
    assert result.exit_code == 0, result.output
    *table, last = result.stdout.rstrip().splitlines()
    assert max(len(line) for line in table) <= 80
    for whole in (
        "value",
        "verdict",
        "time",
        "memory",
        "0.3333333333",
        "12.3 s",
        "1024 GiB",
        "agrees: 1.0e-16",
    ):
        assert any(whole in line for line in table), whole
    assert last == "4 comparisons: 2 agrees, 2 stopped; largest relative difference 1.0e-16"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["a.npy"], "a.npy is given alone; pass two samples, or none for the bundled ones"),
        (["a.npy", "b.npy", "--out", "no/report.md"], "--out no/report.md: no such folder as no"),
        (["a.npy", "c.npy"], "c.npy"),
        (["a.npy", "b.npy", "--p", "inf"], "p is inf, which no peer answers"),
    ],
)
def test_bad_lines(files, line, text):
    result = run(*line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
