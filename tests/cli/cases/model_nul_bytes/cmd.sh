# NUL bytes in a cell.
sproof analyze model.csv --machine machine.json 
