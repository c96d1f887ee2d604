# No drawing in the terminal begins a page: a pager would show each alone, a file hold the feeds.
sproof analyze model.csv --machine machine.json -p csr -s 0.8,0.9,0.95 -q >/dev/null
command -v gnuplot >/dev/null || { echo "no gnuplot here" >&2; exit 77; }
sproof plot --kind all --terminal dumb -q >drawings
grep -c "model:" drawings
tr -dc '\014' <drawings | wc -c
