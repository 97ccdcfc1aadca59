# podman's way: connections to a Unix socket there, without any session, made by the user.
$SSH peer 'mkdir podman; cd podman; nohup python3 -u ../service.py socket >log 2>&1 </dev/null & until grep -q serving log; do sleep 0.05; done'
$SSH -f -N -o ExitOnForwardFailure=yes -L "$1/here:/home/nacre/podman/socket" peer
python3 speak.py unix here 'uid=1000 gid=1000' 40
# A path that leads nowhere ends that connection and no other.
$SSH -f -N -L "$1/nowhere:/home/nacre/podman/none" peer 2>said
ends_with 0 python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("nowhere"); assert s.recv(10) == b""'
python3 speak.py unix here 'uid=1000 gid=1000' 40
# podman itself, with a service that knows just enough to tell its version.
$SSH peer 'cat >podman/api.py' <<'END'
import http.server, json, os, socket, socketserver
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"OK" if self.path.endswith("/_ping") else json.dumps(
            {"Version": "5.0.0", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64", "Components": [{"Name": "Podman Engine",
             "Version": "5.0.0", "Details": {"APIVersion": "5.0.0", "MinAPIVersion": "4.0.0"}}]}).encode()
        self.send_response(200)
        self.send_header("Libpod-API-Version", "5.0.0")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_HEAD = do_GET
    def address_string(self):
        return "client"
server = Server("api", Handler)
print("serving", flush=True)
server.serve_forever()
END
$SSH peer 'cd podman; nohup python3 -u api.py >api.log 2>&1 </dev/null & until grep -q serving api.log; do sleep 0.05; done'
mkdir -p .ssh
cp known_hosts .ssh/known_hosts
for turn in 1 2 3; do
    podman-remote --url "ssh://nacre@127.0.0.1:$PORT/home/nacre/podman/api" --identity key version >got 2>&1 || { cat got; exit 1; }
    grep -q '5.0.0' got
done
