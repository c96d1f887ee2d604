# Two metrics in one table.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv
