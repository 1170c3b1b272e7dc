"""The libraries that wdist is compared with, one file each.

A peer names the functions of a library that answer one of our quantities; each comes with the translation of
its conventions and with the check by which an answer that did not converge is told from one that did.
"""

from wdist.validation.peers.geomloss import GEOMLOSS
from wdist.validation.peers.ott import OTT
from wdist.validation.peers.peer import Peer, Reference
from wdist.validation.peers.pot import POT
from wdist.validation.peers.scipy import SCIPY

__all__ = ["PEERS", "Peer", "Reference"]

PEERS: tuple[Peer, ...] = (SCIPY, POT, GEOMLOSS, OTT)
"""In the order of the report."""
