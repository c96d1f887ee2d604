# A record cut short.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 -o old.json >/dev/null
head -c 3000 old.json >record.json
sproof explain -i record.json
