"""What all estimators share: parameters, asking, training by gradient steps, files."""
