"""Energies of texts: lists of strings, files and folders of text."""
