# Only the variants of a pattern.
sproof analyze model.csv --machine machine.json -p 2:4 --no-save --format csv # WIDE
sproof analyze model.csv --machine machine.json --no-save -p 8x8
sproof analyze model.csv --machine machine.json --no-save -s 0.5
