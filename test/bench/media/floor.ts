/**
 * Worker: the floor. The same packets as in the engine's calls, received and sent by a bare dgram loop: of each call's legs the
 * first two are forwarded to each other, the third (a listener) is received from, and is sent one packet per two received
 * of the call's parties.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';

const { count, perCall } = workerData as { count: number; perCall: 2 | 3 };
const port = parentPort!;
const lookup = (
  hostname: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
) => callback(null, hostname, 4);
const sockets = Array.from({ length: count }, () => createSocket({ type: 'udp4', lookup }));
let packets = 0;
for (const socket of sockets) {
  const listening = once(socket, 'listening');
  socket.bind(0, '127.0.0.1');
  await listening;
}

function forward(targets: readonly number[]): void {
  sockets.forEach((socket, i) => {
    const role = i % perCall;
    const call = i - role;
    const other = role === 0 ? call + 1 : call;
    socket.on('message', (packet) => {
      packets++;
      if (role === 2) return;
      sockets[other]!.send(packet, 0, packet.length, targets[other], '127.0.0.1');
      if (perCall === 3 && role === 0)
        sockets[call + 2]!.send(packet, 0, packet.length, targets[call + 2], '127.0.0.1');
    });
  });
}

port.on('message', (message: { targets: readonly number[] } | 'stats') => {
  if (message === 'stats') {
    const { user, system } = process.threadCpuUsage();
    port.postMessage({ cpuMicros: user + system, packets });
  } else forward(message.targets);
});
port.postMessage(sockets.map((socket) => socket.address().port));
