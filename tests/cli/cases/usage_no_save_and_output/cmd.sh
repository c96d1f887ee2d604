# Two options that contradict each other.
sproof analyze model.csv --machine machine.json --no-save -o x.json
