"""Energies of pairs: what may follow, given rows."""
