# Every layer in Markdown.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --layers --format md # WIDE
