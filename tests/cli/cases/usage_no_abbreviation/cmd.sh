# Options are not abbreviated.
sproof analyze model.csv --mach machine.json
