# A machine where a record belongs.
sproof compare machine.json machine.json
