# A byte order mark before the header.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --format csv # WIDE
