# Files there and back: many small ones, some large ones, a link; then what has changed.
mkdir from
random 20 >from/large
for folder in $(seq 1 20); do
    mkdir "from/$folder"
    for file in $(seq 1 75); do seq "$folder" $((folder * file)) >"from/$folder/$file"; done
done
random 24 | split -b 300K - from/part.
ln -s large from/link
chmod 600 from/part.aa
rsync -a -e "$SSH" from/ peer:to/
rsync -a -e "$SSH" peer:to/ back/
diff -r from back
[ "$(stat -c %a back/part.aa)" = 600 ]
[ -L back/link ]
echo more >>from/large
rm -r from/1
rsync -a --delete --checksum -e "$SSH" from/ peer:to/
rsync -a --delete --checksum --compress -e "$SSH" peer:to/ back/
diff -r from back
