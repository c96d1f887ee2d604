# A loss in percent of the dense accuracy.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv --max-drop 1%
