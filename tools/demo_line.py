#!/usr/bin/python3
"""Three fixtures of a line at once, as `make run` shows them: each writes
identities into devices through the device's own agent. One device comes
twice, one is scrapped; when the station is gone they ask until it is back.
usage: demo_line.py HOST:PORT TLS.PEM DEVICES-DIR ORDER COUNT TOKEN..."""
import base64
import hashlib
import http.client
import json
import ssl
import subprocess
import sys
import threading
import time

address, certificate, directory, order, count, *tokens = sys.argv[1:]
host, port = address.rsplit(":", 1)
per_fixture = int(count) // len(tokens)
said = threading.Lock()
failed = []


def say(*words):
    with said:
        print(*words, flush=True)


class Fixture(threading.Thread):
    def __init__(self, number, token):
        super().__init__()
        self.name = f"bench-{number}"
        self.token = token
        self.tls = ssl.create_default_context(cafile=certificate)
        self.connection = None
        self.done = self.waited = 0

    def call(self, verb, serial, **body):
        body = json.dumps({"device": {"serial": serial}, "badge": "1042",
                           "mes_order": "MES-7", **body})
        deadline = time.monotonic() + 30
        while True:
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPSConnection(
                        host, int(port), timeout=10, context=self.tls)
                self.connection.request("POST", f"/v1/{verb}", body, {
                    "Authorization": f"Bearer {self.token}"})
                return json.load(self.connection.getresponse())
            except (OSError, http.client.HTTPException, ValueError):
                self.connection = None
                if time.monotonic() > deadline:
                    raise
                if self.waited == 0:
                    say(f"{self.name}: no answer for {serial}: asks again")
                self.waited += 1
                time.sleep(0.05)

    def inject(self, serial):
        answer = self.call("reserve", serial, order=int(order))
        package = base64.b64decode(answer["package"])
        subprocess.run(["imprint-device", "install", "--home",
                        f"{directory}/{serial}"], input=package, check=True,
                       stdout=subprocess.DEVNULL)
        return answer, base64.b64encode(
            hashlib.sha256(package).digest()).decode()

    def device(self, number):
        serial = f"{self.name}-{number:03}"
        answer, readback = self.inject(serial)
        if self.name == "bench-1" and number == 1:
            again, _ = self.inject(serial)
            assert again["code"] == 1 and again["package"] == answer["package"]
            say(f"{self.name}: {serial} fails its test and comes again: "
                f"the same identity, {again['names']['serial-number']}")
        if self.name == "bench-2" and number == 1:
            gone = self.call("scrap", serial, index=answer["index"],
                             reason="housing cracked")
            assert gone["code"] == 0
            say(f"{self.name}: {serial} is scrapped, and its identity "
                f"{answer['names']['serial-number']} with it")
            return
        done = self.call("commit", serial, index=answer["index"],
                         firmware="1.4.0", evidence={"readback": readback})
        assert done["code"] in (0, 1), done
        self.done += 1

    def run(self):
        try:
            for number in range(per_fixture):
                self.device(number)
        except Exception as why:    # a thread's would be lost
            failed.append(f"{self.name}: {why!r}")


fixtures = [Fixture(i, token) for i, token in enumerate(tokens)]
for fixture in fixtures:
    fixture.start()
for fixture in fixtures:
    fixture.join()
for fixture in fixtures:
    say(f"{fixture.name}: {fixture.done} devices are done")
sys.exit("\n".join(failed) or 0)
