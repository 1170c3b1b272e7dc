"""Couplings: exact and entropic solvers, what certifies them, and what makes a coupling of any plan."""
