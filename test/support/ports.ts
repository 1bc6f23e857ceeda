/** Free loopback ports below the kernel's ephemeral range, each handed out once per test process. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const LOWEST = 10_000;
const HIGHEST = 31_000;
const given = new Set<number>();

/** Whether the port can be bound on 127.0.0.1 over both UDP and TCP. */
export async function isFree(port: number): Promise<boolean> {
  return (await udpFree(port)) && (await tcpFree(port));
}

/** The first of `count` adjacent ports, all free; even, as RTP wants it (RFC 3550 section 11). */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const base = LOWEST + 2 * Math.floor(Math.random() * ((HIGHEST - LOWEST - count) / 2));
    const wanted = Array.from({ length: count }, (_, i) => base + i);
    if (wanted.some((port) => given.has(port))) continue;
    if (!(await allFree(wanted))) continue;
    for (const port of wanted) given.add(port);
    return base;
  }
  throw new Error(`no ${count} adjacent free ports between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
}

export function freePort(): Promise<number> {
  return freePorts(1);
}

/**
 * The first port of a range for RTP. Some may be taken: a server looks for the next free one by itself. Nine in ten are
 * free over UDP.
 */
export async function rtpRange(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = LOWEST + 2 * Math.floor(Math.random() * ((HIGHEST - LOWEST - count) / 2));
    let taken = 0;
    for (let port = base; port < base + count && taken <= count / 10; port += 1) {
      if (given.has(port) || !(await udpFree(port))) taken += 1;
    }
    if (taken > count / 10) continue;
    for (let port = base; port < base + count; port += 1) given.add(port);
    return base;
  }
  throw new Error(`no range of ${count} ports for RTP between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
}

async function allFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false;
  return true;
}

function udpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}

function tcpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
