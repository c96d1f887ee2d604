# comp:P with more rows than the layer has.
sproof analyze model.csv --machine machine.json 
