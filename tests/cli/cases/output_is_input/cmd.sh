sproof analyze model.csv --machine a100-sxm-40gb -o model.csv
status=$?
cmp model.csv model.before >&2
exit $status
