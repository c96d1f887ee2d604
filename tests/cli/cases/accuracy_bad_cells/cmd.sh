# Cells that are none.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv
