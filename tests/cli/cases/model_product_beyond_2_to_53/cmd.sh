# Dimensions whose product is no longer exact.
sproof analyze model.csv --machine machine.json 
