# A directory with an archive is a checkpoint; what its arrays may take is limited here, too.
export SPROOF_PROBE=off
for options in '--end-to-end d --tokens 4' '--end-to-end d --tokens 4 --max-inflated 3MiB' \
    '--end-to-end d --tokens 4 --max-inflated 4KiB' 'd --max-inflated 3MiB'; do
    sproof validate $options --no-save -q
    echo "exit $?"
done
