"""Asks at a fixed rate, whatever the answers: what a camera does, or a crowd.

usage: paced_client.py IPV4:PORT REQUEST RATE CONNECTIONS SECONDS

REQUEST is a file with a whole HTTP/1.1 request. A request whose time has come takes any connection that is free; without
one it is given up and counts as not asked. Prints JSON: the latencies in ms of each status.
"""

import asyncio
import collections
import json
import pathlib
import sys
import time


class Client:
    def __init__(self, address, request):
        self._host, _, self._port = address.rpartition(':')
        self._request = request
        self._free = []
        self.latencies = collections.defaultdict(list)

    async def connect(self, count):
        self._free = [await asyncio.open_connection(self._host, int(self._port)) for _ in range(count)]

    async def ask(self):
        if not self._free:
            return
        reader, writer = self._free.pop()
        begin = time.perf_counter()
        writer.write(self._request)
        head = (await reader.readuntil(b'\r\n\r\n')).decode().lower()
        length = head.split('content-length:')[1].split('\r\n')[0]
        await reader.readexactly(int(length))
        self.latencies[head.split(' ')[1]].append(1000 * (time.perf_counter() - begin))
        self._free.append((reader, writer))


async def main(address, request, rate, connections, seconds):
    client = Client(address, pathlib.Path(request).read_bytes())
    await client.connect(int(connections))
    begin = time.perf_counter()
    tasks = []
    for number in range(int(float(rate) * float(seconds))):
        delay = begin + number / float(rate) - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        tasks.append(asyncio.create_task(client.ask()))
    await asyncio.gather(*tasks)
    print(json.dumps({'seconds': time.perf_counter() - begin, 'latencies_ms': client.latencies}))


if __name__ == '__main__':
    asyncio.run(main(*sys.argv[1:]))
