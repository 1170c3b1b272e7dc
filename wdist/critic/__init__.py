"""The neural dual: networks, what bounds their slope, one ascent step, and the fit around it."""
