#!/usr/bin/env python3
"""A service for genuine devices in Python: TLS 1.3, "POST /photo" with the
identity document as body; answers 200 or 403, {verdict, reason, ueid}.
Who is let in is for imprint-verify to say, which runs on the same machine."""
import argparse
import base64
import http.client
import http.server
import json
import ssl

DOCUMENT_MAX = 16 << 10
TIMEOUT_S = 10


def ask(address, question):
    """The answer of imprint-verify, or None: then nobody is let in."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/v1/verify", json.dumps(question),
                           {"Content-Type": "application/json"})
        reply = connection.getresponse()
        answer = json.loads(reply.read())
        return answer if reply.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = TIMEOUT_S

    def setup(self):
        # in this connection's own thread, so that nobody waits for it
        self.request.settimeout(TIMEOUT_S)
        self.request.do_handshake()
        super().setup()

    def answer(self):
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > DOCUMENT_MAX:
            self.send_error(413)
            return
        document = self.rfile.read(int(length))
        question = {
            "certificate": base64.b64encode(
                self.request.getpeercert(binary_form=True)).decode(),
            "object": self.path.removeprefix("/"),
            "permissions": [self.command],
        }
        if document:
            question["document"] = base64.b64encode(document).decode()
        answer = ask(self.server.verify, question) or {}
        allowed = answer.get("verdict") == "allow"
        body = json.dumps({
            "verdict": answer.get("verdict", "deny: undecided"),
            "reason": answer.get("reason", "Nothing could be decided."),
            "ueid": answer.get("ueid", "")}).encode() + b"\n"
        self.send_response(200 if allowed else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A peer that hangs up or shows nothing is its own affair."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--cert", required=True, help="of the service, PEM")
    parser.add_argument("--key", required=True, help="its key, PEM")
    parser.add_argument("--trust", required=True, help="trust.pem")
    parser.add_argument("--verify", default="127.0.0.1:8446",
                        help="where imprint-verify listens")
    options = parser.parse_args()
    # Python tells the certificate only of a peer it has verified itself: the
    # path to the root here, all else by imprint-verify
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH,
                                         cafile=options.trust)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0     # no resumption
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(options.cert, options.key)
    server = Server(("127.0.0.1", options.port), Handler)
    server.verify = options.verify
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    print("listening on port", server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
