/**
 * Worker: many phones. Opens sockets, sends a G.711 frame from each every 20 ms, spread over the 20 ms as real phones are, to
 * the ports that it is told last, and counts what comes back.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';

const SLOTS = 10;
const lookup = (
  hostname: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
) => callback(null, hostname, 4);

let targets: readonly number[] = [];
const { count } = workerData as { count: number };
const port = parentPort!;
let received = 0;
const sockets = Array.from({ length: count }, () => createSocket({ type: 'udp4', lookup }));
for (const socket of sockets) {
  const listening = once(socket, 'listening');
  socket.bind(0, '127.0.0.1');
  await listening;
  socket.on('message', () => received++);
}
const packets = sockets.map((_, i) => {
  const packet = Buffer.alloc(172);
  packet[0] = 0x80;
  packet.writeUInt32BE(i + 1, 8);
  for (let at = 12; at < 172; at++) packet[at] = 0x80 + ((at * 7 + i) % 100);
  return packet;
});

function start(): void {
  let slot = 0;
  let frame = 0;
  let next = performance.now();
  const tick = (): void => {
    for (let i = slot; i < sockets.length; i += SLOTS) {
      const packet = packets[i]!;
      packet.writeUInt16BE(frame & 0xffff, 2);
      packet.writeUInt32BE(frame * 160, 4);
      sockets[i]!.send(packet, 0, packet.length, targets[i], '127.0.0.1');
    }
    slot = (slot + 1) % SLOTS;
    if (slot === 0) frame++;
    next += 20 / SLOTS;
    setTimeout(tick, Math.max(0, next - performance.now()));
  };
  tick();
}

port.on('message', (message: { targets: readonly number[] } | 'count') => {
  if (message === 'count') port.postMessage(received);
  else {
    const idle = targets.length === 0;
    targets = message.targets;
    if (idle) start();
  }
});
port.postMessage(sockets.map((socket) => socket.address().port));
