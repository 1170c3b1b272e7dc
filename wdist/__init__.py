"""Wasserstein distances that say what they mean."""
__version__ = "0.1.0.dev0"
