# Nothing pays within the loss.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv --max-drop 0.1
