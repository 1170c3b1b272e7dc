"""A parity report: what wdist says beside what SciPy, POT, GeomLoss and OTT say of the same samples.

`problem.py` brings a question to one set of conventions, `peers/` asks each library and translates its answer
back, `quantities.py` asks wdist, `metering.py` says what either took, and `report.py` compares.
"""

from wdist.validation.report import PeerFound, Row, ValidationReport, Verdict
from wdist.validation.validate import validate

__all__ = ["PeerFound", "Row", "ValidationReport", "Verdict", "validate"]
