# Markdown.
sproof analyze model.csv --machine machine.json --format md # WIDE
