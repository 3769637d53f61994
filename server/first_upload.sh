PHOTO=docs/photo.jpg
rpc() { # rpc METHOD PARAMS: one JSON-RPC call
  curl -sS -w '\n' http://127.0.0.1:8000/rpc -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"$1\", \"params\": $2}"
}
member() { # member NAME: a member of the result on standard input
  python3 -c 'import json, sys; print(json.load(sys.stdin)["result"][sys.argv[1]])' "$1"
}
TICKET=$(rpc media.initiateUpload '{"filename": "photo.jpg", "contentType": "image/jpeg", "size": '$(wc -c <"$PHOTO")'}')
curl -sS -T "$PHOTO" -H 'Content-Type: image/jpeg' "$(echo "$TICKET" | member uploadUrl)"
rpc media.completeUpload '{"mediaId": "'$(echo "$TICKET" | member mediaId)'"}'
rpc media.getStorageUsage '{}'
