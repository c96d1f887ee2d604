# A quote in the middle of a cell.
sproof analyze model.csv --machine machine.json 
