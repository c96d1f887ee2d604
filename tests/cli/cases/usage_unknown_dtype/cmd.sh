# A dtype with a typing mistake.
sproof analyze model.csv --machine machine.json --dtype fp16
