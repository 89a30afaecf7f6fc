"""A few verbs on the API server, and a list+watch that starts again when it ends."""
import json
import ssl
import threading
import time
import urllib.error
import urllib.request

MERGE_PATCH = "application/merge-patch+json"


class Api:
    def __init__(self, url, ca, token):
        self._url, self._token = url, token
        self._tls = ssl.create_default_context(cafile=ca)

    def open(self, method, path, body=None, content_type="application/json"):
        request = urllib.request.Request(self._url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "Bearer " + self._token, "Content-Type": content_type})
        return urllib.request.urlopen(request, context=self._tls, timeout=60)

    def call(self, method, path, body=None, content_type="application/json"):
        """The answer as JSON; None for 404 and 409 (gone, or there already)."""
        try:
            with self.open(method, path, body, content_type) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in (404, 409):
                return None
            raise OSError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error

    def follow(self, path, query, changed, removed):
        """Calls changed(object) for every object and change, removed(object) for every end, in a thread, for ever."""
        threading.Thread(target=self._follow, args=(path, query, changed, removed), daemon=True).start()

    def _follow(self, path, query, changed, removed):
        known = {}
        while True:
            try:
                listed = self.call("GET", f"{path}?{query}")
                items = {item["metadata"]["uid"]: item for item in listed["items"]}
                for uid in known.keys() - items.keys():
                    removed(known[uid])
                known = items
                for item in items.values():
                    changed(item)
                version = listed["metadata"]["resourceVersion"]
                with self.open("GET", f"{path}?{query}&watch=1&timeoutSeconds=50&resourceVersion={version}") as stream:
                    for line in stream:
                        self._event(json.loads(line), known, changed, removed)
            except OSError as error:
                print(f"watch {path}: {error}", flush=True)
                time.sleep(0.5)

    @staticmethod
    def _event(event, known, changed, removed):
        item = event["object"]
        if event["type"] in ("ADDED", "MODIFIED"):
            known[item["metadata"]["uid"]] = item
            changed(item)
        elif event["type"] == "DELETED":
            known.pop(item["metadata"]["uid"], None)
            removed(item)
        else:
            raise OSError(f"watch ended: {item}")


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
