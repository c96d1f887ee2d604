# The same layer with other dimensions.
sproof analyze model.csv --machine machine.json 
