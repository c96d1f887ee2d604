# The convolutional network: options of encoders, more threads, part of a sample, no such pooling,
# rows that do not fit; pooling of what is no such network.
export SPROOF_PROBE=off
data=$SPROOF_DATA/models
sed s/^cnn2,conv,64,1600/cnn2,conv,64,1575/ "$data/gsc_cnn_1000.csv" >narrow.csv
for options in "$data/gsc_cnn_1000.csv --tokens 8" "$data/gsc_cnn_1000.csv --threads 2" \
    "$data/gsc_cnn_1000.csv --batch 1.5" "$data/gsc_cnn_1000.csv --pool never" narrow.csv \
    "$data/minilm_l6_seq128.csv --pool after"; do
    sproof validate --end-to-end $options --no-save -q 2>&1 >/dev/null | sed "s:$data/::" >&2
done
sproof validate "$data/gsc_cnn_1000.csv" --pool after --no-save
echo "exit $?"
