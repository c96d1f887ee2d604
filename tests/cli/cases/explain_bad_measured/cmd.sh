# Times without units.
sproof analyze model.csv --machine machine.json -q -o r.json >/dev/null
for times in dense=1 dense=1ms sparse=1ms dense=x,sparse=1ms dense=0ms,sparse=1ms; do
    sproof explain -i r.json --measured $times
done
