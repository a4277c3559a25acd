"""Energies of the rows of a table."""
