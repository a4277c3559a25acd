"""Energies of what follows in clips: arrays of four or five dimensions, video files."""
