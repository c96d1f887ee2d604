sproof help inspect
