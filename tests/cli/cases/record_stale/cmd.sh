# The model changed after the analysis.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 >/dev/null
printf "more,768,768,128,linear,1,,\n" >>model.csv
sproof explain >/dev/null
