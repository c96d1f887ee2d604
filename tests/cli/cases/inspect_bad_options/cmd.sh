printf '2, 2, 1\n0 1 1\n0\n' > w.smtx
for options in '--prune 32x1' '--prune 2:4@0.9' '--prune nonsense@0.5' '--prune csr@1.5' \
    '--prune csr@0.5 --scope all' '--score l1' '--write out.safetensors' '--tokens 0' \
    '--prune 2:4 --scope global' '--prune 4x4@0.5' '--format xml' '-o w.smtx --tokens 1'; do
    sproof inspect w.smtx $options
    echo "exit $?"
done
sproof inspect
