# Without the tiles of the engine.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --format csv --ideal-tiles # WIDE
