# All kinds: every script is self-contained and every picture an SVG.
sproof analyze model.csv --machine machine.json -p csr,4x4 -s 0.8,0.9 -q >/dev/null
sproof plot --kind all -q
ls
command -v gnuplot >/dev/null || { echo "no gnuplot here" >&2; exit 77; }
mkdir again
cp *.gp again && cd again
for f in *.gp; do
    gnuplot "$f" >/dev/null || echo "$f fails on its own"
done
for f in *.svg ../*.svg; do
    head -c 5 "$f" && grep -c '</svg>' "$f"
done
