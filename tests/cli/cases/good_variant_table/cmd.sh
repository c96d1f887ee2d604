# A table of variants, one of them mixed.
sproof analyze model.csv --machine machine.json --max-drop 1
