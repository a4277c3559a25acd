"""Energies of images of any size, each looked at by itself."""
