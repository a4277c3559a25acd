"""Compiled inner loops on arrays; they know nothing of energies."""
