# A wrong value: file and place.
sed 's/"isa":"avx2"/"isa":"mmx"/' base.json >new.json
sproof compare base.json new.json
