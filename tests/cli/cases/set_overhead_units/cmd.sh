# The overhead of a call, with units.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --set overhead_s=5us --no-save -q >us
for time in 5e-6 5e-6s 5000ns 0.005ms; do
    sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --set "overhead_s=$time" --no-save -q | cmp - us
    echo "$time: $?"
done
head -8 us
for time in 5parsecs -5us 1e-40 5e-324ns us '' 1e40s 5usx; do
    sproof analyze model.csv --machine machine.json --set "overhead_s=$time" --no-save -q
    echo "$time: $?"
done
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --set overhead_s=0 --no-save -q | grep set
sproof analyze model.csv --machine machine.json --set memory.DRAM.bytes_per_s=5us --no-save -q
