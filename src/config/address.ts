/** Addresses as they stand in the configuration. Pure. */
import { isIP } from 'node:net';

export interface HostPort {
  readonly host: string; // IPv6 without brackets
  readonly port: number;
}

/** `host:port`, `[v6]:port`, with or without a scheme; null where it is not one or the port is above 65535. */
export function parseHostPort(text: string): HostPort | null {
  const match = /^(?:[a-z]+:\/\/)?(?:\[([^\]]+)\]|([^\s:/]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? match[2]!;
  const port = Number(match[3]);
  if (port > 65535 || (match[1] !== undefined && isIP(host) !== 6)) return null;
  return { host, port };
}

/** 127.0.0.0/8, ::1 or the name localhost. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** An address that a socket can be bound to or a packet sent to: an IP address or a host name. */
export function isHost(host: string): boolean {
  if (isIP(host) !== 0) return true;
  // All digits and dots, but no IP address: a mistyped one, not a name.
  if (/^[\d.]+$/.test(host)) return false;
  return /^(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$/.test(host);
}

/** An IP network like 192.0.2.0/24. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  if (bits === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}
