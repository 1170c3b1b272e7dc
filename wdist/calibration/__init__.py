"""Kappa: what a critic reads as a multiple of W1, a card that says how far that holds, and a method that goes by it.

`calibrate` plans fits where W1 is known (`families.py`), `trials.py` runs them, `model.py` makes curves and spreads of
them, `Calibration` is the card, `Calibrated` an estimate through it.
"""

from wdist.calibration.calibrate import calibrate
from wdist.calibration.calibrated import Calibrated, CalibratedDetail
from wdist.calibration.card import Calibration, Kappa

__all__ = ["Calibrated", "CalibratedDetail", "Calibration", "Kappa", "calibrate"]
