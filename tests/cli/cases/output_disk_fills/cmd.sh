# The disk fills while the record is written: an old record stays, no temporary file does.
echo old >record.json
trap '' XFSZ
(
    ulimit -f 8
    sproof analyze model.csv --machine machine.json -o record.json -q
)
code=$?
cat record.json
ls
exit $code
