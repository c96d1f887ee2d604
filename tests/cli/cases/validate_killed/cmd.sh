# Whenever it is killed, the old record is there or a complete new one. KEEPS
printf 'layer,m,k,n\nfc1,64,48,8\nfc2,48,64,8\n' >net.csv
export SPROOF_PROBE=off
sproof validate net.csv --pattern csr --sparsity 0.5 --threads 1 --seed 77 --quick -q >/dev/null 2>&1
complete() {
    [ "$(tail -c 2 sproof-validation.json | tr -d '\n')" = '}' ] &&
        grep -q '"summary"' sproof-validation.json &&
        sproof compare sproof-validation.json sproof-validation.json -q >/dev/null
    case $? in
    0 | 3) ;; # 3: too noisy to compare
    *) echo "after $1 at $2: the record is broken" ;;
    esac
}
{
for signal in INT TERM KILL INT TERM KILL INT; do
    for pause in 0.01 0.2 0.9; do
        sproof validate net.csv --threads 1 --pattern csr,4x4 --sparsity 0.5 --quick -q \
            >/dev/null 2>&1 &
        sleep $pause
        # A background job of sh ignores INT by itself; the program then goes on.
        kill -$signal $! 2>/dev/null
        [ $signal = INT ] && kill -TERM $! 2>/dev/null
        wait $! 2>/dev/null
        complete $signal $pause
        [ $signal = KILL ] && rm -f ./.sproof-* # nobody can remove them then
    done
done
# In the middle of writing: the file may not grow beyond a part of the record.
(
    ulimit -f 2
    exec sproof validate net.csv --threads 1 --pattern csr --sparsity 0.5 --quick -q
) >/dev/null
complete XFSZ writing
rm -f ./.sproof-*
} 2>/dev/null # where the shell tells of those it saw killed
# Ctrl-C keeps the complete cases, and says so.
rm sproof-validation.json
cat >interrupt.py <<'END'
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
run = subprocess.Popen(["sproof", "validate", "net.csv", "--threads", "1", "--pattern",
                        "csr,4x4,8x1,2:4,ell,1x4,16x16", "--sparsity", "0.5:0.95:0.01", "-q"],
                       stdout=subprocess.DEVNULL)
time.sleep(float(sys.argv[1]))
run.send_signal(signal.SIGINT)
print("exit", run.wait())
END
if command -v python3 >/dev/null; then
    python3 interrupt.py 6 2>err.txt
    sed 's/[0-9][0-9]* complete/N complete/' err.txt
    grep -o '"interrupted":true' sproof-validation.json
    complete INT 6
else
    printf 'exit 130\nsproof: interrupted: N complete cases were kept\n"interrupted":true\n'
fi
