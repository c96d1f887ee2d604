# Neither a table nor a record.
sproof validate
