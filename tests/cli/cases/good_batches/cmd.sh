# From which batch each pattern pays.
sproof analyze model.csv --machine machine.json --batch 1,8,64
