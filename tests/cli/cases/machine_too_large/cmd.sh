# A machine is no larger than 64 MiB, out of a pipe too; a smaller one is read from either.
sproof analyze model.csv --machine machine.json -p 2:4 -q --no-save --format csv >file.csv
cat machine.json | sproof analyze model.csv --machine /dev/stdin -p 2:4 -q --no-save --format csv >pipe.csv
cmp file.csv pipe.csv && echo "the same"
dd if=/dev/null of=large.json bs=1 seek=67108865 2>/dev/null
sproof analyze model.csv --machine large.json
head -c 67108865 /dev/zero | tr '\0' ' ' | sproof analyze model.csv --machine /dev/stdin
echo "status $?"
