"""A line for the tests: a station that serves, and fixtures that ask it."""
import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from conftest import BIN

WAIT_S = 60


class Served:
    """imprint-station serve, for as long as a with block."""

    def __init__(self, floor, *options, fault=None, listen="127.0.0.1:0",
                 env=None):
        self.floor = floor
        env = {**os.environ, **({"IMPRINT_FAULT": fault} if fault else {}),
               **(env or {})}
        self.process = subprocess.Popen(
            [BIN / ("imprint-station-faulty" if fault else "imprint-station"),
             "--home", floor.home, "serve", "--json", "--listen", listen,
             *options], env=env, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode()
        self.hello = json.loads(line)
        assert "url" in self.hello, self.hello
        self.address = self.hello["url"].split("/")[2]
        self.port = int(self.address.rsplit(":")[-1])

    def end(self, number=signal.SIGTERM):
        """Its exit code and what it wrote to standard error."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        _, err = self.process.communicate(timeout=WAIT_S)
        assert b"Sanitizer" not in err, err.decode()
        return self.process.returncode, err.decode()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            code, err = self.end()
            assert code == 0, err
        self.process.stdout.close()


class Fixture:
    """One fixture over one connection, made again when it is lost."""

    def __init__(self, served, name, token=None):
        self.served, self.name = served, name
        self.token = token or served.floor.token(name)
        self.connection = None

    def moved(self, served):
        """The same one at a station that was started again."""
        self.close()
        self.served = served
        return self

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def dial(self):
        if self.served.hello["fingerprint"] is None:
            return http.client.HTTPConnection(
                "127.0.0.1", self.served.port, timeout=WAIT_S)
        tls = ssl.create_default_context(
            cafile=self.served.floor.home / "tls.pem")
        return http.client.HTTPSConnection(
            "127.0.0.1", self.served.port, timeout=WAIT_S, context=tls)

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, JSON of the answer)"""
        if self.connection is None:
            self.connection = self.dial()
        try:
            self.connection.request(method, path, body, {
                "Authorization": f"Bearer {self.token}", **(headers or {})})
            reply = self.connection.getresponse()
            answer = reply.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return reply.status, reply.headers, json.loads(answer)

    def call(self, verb, device, **members):
        body = {"device": {"serial": device}, **members}
        status, _, answer = self.ask("POST", f"/v1/{verb}", json.dumps(body))
        assert (status == 200) == (answer["code"] < 10)
        return answer

    def reserve(self, device, **members):
        return self.call("reserve", device, **members)

    def commit(self, device, **members):
        return self.call("commit", device, **members)

    def scrap(self, device, reason="cracked", **members):
        return self.call("scrap", device, reason=reason, **members)

    def query(self, device):
        return self.call("query", device)


def readback(answer):
    data = base64.b64decode(answer["package"])
    return {"readback": base64.b64encode(
        hashlib.sha256(data).digest()).decode()}


def signature(key, answer):
    """What a device's injected key says to the nonce."""
    der = key.sign(b"imprint evidence" + base64.b64decode(answer["nonce"]),
                   ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(der)
    return {"signature": base64.b64encode(
        r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()}


def fingerprint(path):
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.fingerprint(hashes.SHA256()).hex()


def raw(served, data):
    """Octets to the station's port; all that it answers."""
    answer = b""
    with socket.create_connection(("127.0.0.1", served.port),
                                  timeout=WAIT_S) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while part := s.recv(65536):
                answer += part
        except OSError:     # it does not listen to all of it
            pass
    return answer
