# Arrays that are inflated one at a time are those that lie in the file.
for form in deflated stored; do
    sproof inspect $form.npz --tokens 4 --prune 4x4@0.5 --scope global --write $form.safetensors \
        --masks $form -f csv -q >$form.csv
done
cmp deflated.safetensors stored.safetensors
cmp deflated.csv stored.csv
diff -r deflated stored
sproof inspect deflated.npz --tokens 4 -q
