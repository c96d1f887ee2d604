# A residency with a typing mistake.
sproof analyze model.csv --machine machine.json --residency drm
