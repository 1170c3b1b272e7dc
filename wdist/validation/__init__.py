"""A parity report: what wdist says beside what SciPy, POT, GeomLoss and OTT say of the same samples.

`comparison.py` puts every question to both sides: `problem.py` brings it to one set of conventions, `peers/` asks
each library and translates its answer back, `asking.py` stops those that run over, `quantities.py` asks wdist,
`metering.py` says what either took, and `report.py` holds what came of it.
"""

from wdist.validation.comparison import validate
from wdist.validation.report import PeerFound, Row, ValidationReport, Verdict

__all__ = ["PeerFound", "Row", "ValidationReport", "Verdict", "validate"]
