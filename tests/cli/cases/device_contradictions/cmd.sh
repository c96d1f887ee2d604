# What only the CPU, and what only a GPU takes.
for option in --tune "--threads 2" "--isa scalar" "--layout nk" --end-to-end; do
    # shellcheck disable=SC2086 # an option and its value
    sproof validate model.csv --device cuda:0 $option
    echo "exit $?"
done
sproof validate model.csv --machine h100-sxm
echo "exit $?"
sproof validate model.csv --dtype f16
echo "exit $?"
sproof probe --devise cuda:0
