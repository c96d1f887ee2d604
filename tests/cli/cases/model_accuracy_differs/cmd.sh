# Two accuracies in one variant.
sproof analyze model.csv --machine machine.json 
