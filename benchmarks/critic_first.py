"""Error of the critic under a gradient penalty where W1 between the laws is known: `python -m benchmarks.critic_first`.

Sources draw for ever, so the error is the critic's and that of its 20,000 held-out points. Writes a table
with the environment it came from to `benchmarks/results/critic_first.md` and the same as JSON.
"""

from __future__ import annotations

import json
import platform
from datetime import date
from pathlib import Path

import numpy as np
import torch

import wdist
from wdist.truth import axis, scaling, subspace_scaling, translation, wgan_example

RESULTS = Path(__file__).parent / "results"
SEEDS = (0, 1, 2)
METHOD = wdist.Critic(wdist.GradientPenalty(10.0))


def cases():
    for d in (2, 16):
        yield translation(axis(d))
        yield translation(10 * axis(d))
        yield scaling(d, 1.5)
        yield scaling(d, 3.0)
    yield wgan_example(2.0)
    yield subspace_scaling(16, 8)
    yield scaling(128, 1.5)


def main() -> None:
    rows = []
    for case in cases():
        found = [wdist.estimate(case.a, case.b, method=METHOD, seed=seed) for seed in SEEDS]
        error = [100 * (est.value / case.w[1] - 1) for est in found]
        raw = [100 * (est.detail.raw / case.w[1] - 1) for est in found]
        row = {
            "case": case.name,
            "W1": case.w[1],
            "error_percent": [round(e, 2) for e in error],
            "raw_percent": [round(e, 2) for e in raw],
            "seconds": round(float(np.median([est.seconds for est in found])), 1),
        }
        rows.append(row)
        print(row, flush=True)
    environment = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, CPU only",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "wdist": wdist.__version__,
        "method": repr(METHOD),
        "seeds": SEEDS,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "critic_first.json").write_text(
        json.dumps({"environment": environment, "rows": rows}, indent=1) + "\n"
    )
    lines = [
        "| case | W1 | error of the reading, % | of the raw value, % | seconds |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        errors, raws = (", ".join(f"{e:+.1f}" for e in row[key]) for key in ("error_percent", "raw_percent"))
        lines.append(f"| {row['case']} | {row['W1']:.4g} | {errors} | {raws} | {row['seconds']} |")
    lines += ["", "Environment: " + "; ".join(f"{key} {value}" for key, value in environment.items()) + "."]
    (RESULTS / "critic_first.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
