# No encoder, weights without tokens, options that go with neither.
export SPROOF_PROBE=off
printf 'layer,m,k,n\nfc,8,8,8\n' > plain.csv
for options in '--end-to-end plain.csv' '--end-to-end missing.safetensors' \
    '--end-to-end missing.safetensors --tokens x' 'plain.csv --tokens 8' \
    'plain.csv --states x.npy' '--end-to-end plain.csv --tune' '--layout sideways plain.csv'; do
    sproof validate $options --no-save -q
    echo "exit $?"
done
