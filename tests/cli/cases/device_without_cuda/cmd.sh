# A build without CUDA says so in one line, whatever else is asked.
sproof probe --device cuda:0
echo "exit $?"
sproof probe --device cuda:0 --quick --threads 2 -o gpu.json
echo "exit $?"
sproof validate model.csv --device cuda:0 --machine h100-sxm --dtype f16
echo "exit $?"
sproof validate model.csv --device cuda:0
echo "exit $?"
ls
