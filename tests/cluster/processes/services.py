"""kube-proxy's part: connections to a Service's address go on to a ready pod that it selects."""
import asyncio
import itertools
import threading


class Services:
    """Listens on every ClusterIP; `endpoints(namespace, selector)` gives the ready pods as (address, pod) pairs."""

    def __init__(self, endpoints):
        self._endpoints = endpoints
        self._servers = {}
        self._loop = asyncio.new_event_loop()
        self._turn = itertools.count()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def changed(self, service):
        asyncio.run_coroutine_threadsafe(self._listen(service), self._loop)

    def removed(self, service):
        asyncio.run_coroutine_threadsafe(self._close(service["metadata"]["uid"]), self._loop)

    async def _listen(self, service):
        spec, uid = service["spec"], service["metadata"]["uid"]
        if uid in self._servers or not spec.get("selector") or spec.get("clusterIP", "None") == "None":
            return
        self._servers[uid] = []
        for port in spec["ports"]:
            def accept(reader, writer, port=port):
                return self._forward(service, port, reader, writer)
            self._servers[uid].append(await asyncio.start_server(accept, spec["clusterIP"], port["port"]))

    async def _close(self, uid):
        for server in self._servers.pop(uid, []):
            server.close()

    async def _forward(self, service, port, reader, writer):
        ready = self._endpoints(service["metadata"]["namespace"], service["spec"]["selector"])
        try:
            if not ready:
                return
            address, pod = ready[next(self._turn) % len(ready)]
            there = await asyncio.open_connection(address, target_port(port, pod))
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))
        except OSError:
            pass
        finally:
            writer.close()


def target_port(port, pod):
    """A number, or the number of the container port of that name."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    return next(p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports", []) if p.get("name") == target)


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
