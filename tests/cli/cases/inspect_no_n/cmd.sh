# The file does not tell n: the table is refused, the counts are not.
printf '2, 2, 1\n0 1 1\n0\n' > w.smtx
sproof inspect w.smtx -o w.csv
