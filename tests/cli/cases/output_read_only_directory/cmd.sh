# A directory without write permission.
mkdir locked && chmod a-w locked
if [ "$(id -u)" -ne 0 ]; then
    sproof analyze model.csv --machine machine.json -p 4x4 -o locked/record.json
elif setpriv --reuid=65534 --regid=65534 --clear-groups sproof --version >/dev/null 2>&1; then
    chmod a+rx . && exec setpriv --reuid=65534 --regid=65534 --clear-groups sproof analyze model.csv --machine machine.json -p 4x4 -o locked/record.json
else
    echo "root here, and no setpriv to become someone else" >&2
    exit 77
fi
