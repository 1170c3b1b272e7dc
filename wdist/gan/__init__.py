"""WGANs whose curve is in the data's units: training, and judging what was trained."""
