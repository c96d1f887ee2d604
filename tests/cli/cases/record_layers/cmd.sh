# A record without the layers of its variants answers like one that kept them.
both() {
    sproof analyze "$@" -q -o short.json >/dev/null
    sproof analyze "$@" -q --layers -o full.json >/dev/null
    grep -q '"reason"' full.json && ! grep -q '"reason"' short.json || echo "layers: $1"
    for of in short full; do
        sproof explain -i $of.json
        sproof explain 4x4@0.85 -i $of.json --format json
        sproof plot $of.json --kind all -o picture.svg
        cat picture*
        sproof compare short.json $of.json --layers --format csv
    done >all.txt 2>&1
    lines=$(wc -l <all.txt) half=$((lines / 2))
    head -n $half all.txt >first.txt
    tail -n $half all.txt >second.txt
    cmp first.txt second.txt && [ $half -gt 1000 ] && echo "the same: $1"
}
data=$SPROOF_DATA/models
both model.csv --machine machine.json -b 1,8
both "$data/bert_base_seq128.csv" --machine a100-sxm-40gb -b 1,4 --residency network
both "$data/mobilenet_v1.csv" --machine h100-sxm -p csr,4x4,1:4,dense -s 0.5:0.9:0.2
both "$data/resnet50_str.csv" --machine epyc-9654
both "$data/bert_base_squad_blocks.csv" --machine a100-sxm-40gb
both "$data/bert_base_seq128.csv" --machine host -p csr,4x4 -s 0.9 --layout nk
