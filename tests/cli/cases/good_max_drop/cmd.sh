# The fastest within one point, and what each pattern reaches.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv --max-drop 1.0
