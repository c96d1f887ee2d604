# No gnuplot: the script and the points are written, the status says so when a picture was
# asked for. KEEPS
sproof analyze model.csv --machine machine.json -p csr -s 0.9 -q >/dev/null
program=$(command -v sproof)
PATH=/nonexistent "$program" plot --kind speedup
echo "exit $?"
ls
PATH=/nonexistent "$program" plot --kind speedup -o picture.svg
code=$?
ls
exit $code
