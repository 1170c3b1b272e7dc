"""Kappa: what a way of training critics reads as a multiple of W1, how far that carries over, and a refusal beyond.

`calibrate` fits critics to cases whose W1 is known and makes a `Calibration`, the card, of what they read; `Calibrated`
is a critic that is read by a card.
"""

from wdist.calibration.calibrate import calibrate
from wdist.calibration.calibrated import Calibrated, CalibratedDetail
from wdist.calibration.card import Calibration, Kappa

__all__ = ["Calibrated", "CalibratedDetail", "Calibration", "Kappa", "calibrate"]
