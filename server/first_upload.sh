PHOTO=docs/photo.jpg
rpc() {
  curl -sS -w '\n' "http://127.0.0.1:${PORT:-8000}/rpc" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"$1\", \"params\": $2}"
}
member() {
  python3 -c 'import json, sys
answer = json.loads(sys.stdin.read().strip() or "{\"error\": {\"message\": \"The server did not answer.\"}}")
found = answer["result"] if "result" in answer else sys.exit(answer["error"]["message"])
for name in sys.argv[1:]: found = found[name]
print(found)' "$@"
}
TICKET=$(rpc media.initiateUpload '{"filename": "photo.jpg", "contentType": "image/jpeg", "size": '$(wc -c <"$PHOTO")'}')
MEDIA=$(echo "$TICKET" | member mediaId) &&
  curl -sS --fail-with-body -T "$PHOTO" -H 'Content-Type: image/jpeg' "$(echo "$TICKET" | member uploadUrl)" &&
  rpc media.completeUpload '{"mediaId": "'$MEDIA'"}' | member media status &&
  while [ "$(rpc media.getMedia '{"mediaId": "'$MEDIA'"}' | member media status)" = processing ]; do sleep 1; done &&
  rpc media.getMedia '{"mediaId": "'$MEDIA'"}' | member media url
