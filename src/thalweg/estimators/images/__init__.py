"""Energies of images: arrays of three or four dimensions, folders, files."""
