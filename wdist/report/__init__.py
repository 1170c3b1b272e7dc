"""Reports: one HTML page about an estimate, a training run or a calibration card, which needs no network.

`of_estimate`, `of_run` and `of_card` each gather what the page says into one JSON document and draw its figures;
`page.py` puts them into a template, so that every number on the page is one of the document's.
"""

from wdist.report.card import of_card
from wdist.report.distance import of_estimate
from wdist.report.origin import Input, Origin
from wdist.report.page import Page
from wdist.report.run import of_run

__all__ = ["Input", "Origin", "Page", "of_card", "of_estimate", "of_run"]
