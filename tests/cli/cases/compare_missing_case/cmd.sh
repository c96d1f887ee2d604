# Cases that only one record has.
sproof compare base.json new.json
echo "status $?"
sproof compare base.json new.json --allow-mismatch
