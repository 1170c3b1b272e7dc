"""What several test files need: a rounding-level comparison and one thread, so that small operations do not wait."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tests run small problems, side by side with other processes: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rng():
    return np.random.default_rng(20261123)


@pytest.fixture(scope="session")
def answers():
    """Exact answers of the bundled real pairs, from two solvers that are not ours."""
    return json.loads((Path(__file__).parent / "data" / "real_pairs_answers.json").read_text())
