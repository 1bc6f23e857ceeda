/** Opening connections: TCP, TLS, WS and WSS. */
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import type { TlsOptions } from './accept.ts';
import { SUBPROTOCOL } from './accept.ts';
import { describe, hostPort } from './address.ts';
import { TransportError, transportError } from './errors.ts';
import type { TransportLimits } from './limits.ts';
import type { Flow } from './types.ts';

/** An open TCP or TLS socket. Rejects with TransportError; `signal` gives it up. */
export function dialStream(
  flow: Flow,
  tls: TlsOptions | undefined,
  limits: TransportLimits,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, port } = flow.remote;
  const bind = sourceAddress(flow);
  const socket =
    flow.protocol === 'tls'
      ? connectTls({ host, port, ...bind, ...tlsClient(flow, tls) })
      : connectTcp({ host, port, ...bind });
  return new Promise((done, fail) => {
    const ready = flow.protocol === 'tls' ? 'secureConnect' : 'connect';
    const settle = (error?: TransportError): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('close', onClose).off('timeout', onTimeout).off(ready, onReady);
      socket.setTimeout(0);
      if (!error) {
        done(socket);
        return;
      }
      socket.on('error', () => undefined);
      socket.destroy();
      fail(error);
    };
    const onReady = (): void => settle();
    const onError = (error: Error): void => settle(transportError(error, describe(flow)));
    const onClose = (): void => settle(new TransportError('closed', describe(flow)));
    const onTimeout = (): void => settle(new TransportError('timeout', describe(flow)));
    const onAbort = onClose;
    signal.addEventListener('abort', onAbort);
    socket.on('error', onError).on('close', onClose).on('timeout', onTimeout).on(ready, onReady);
    socket.setTimeout(limits.handshakeSeconds * 1000);
  });
}

/** An open WebSocket. Rejects with TransportError. */
export function dialWebSocket(
  flow: Flow,
  tls: TlsOptions | undefined,
  limits: TransportLimits,
  signal: AbortSignal,
): Promise<WebSocket> {
  const socket = new WebSocket(`${flow.protocol}://${hostPort(flow.remote)}`, SUBPROTOCOL, {
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    handshakeTimeout: limits.handshakeSeconds * 1000,
    ...(flow.protocol === 'wss' ? tlsClient(flow, tls) : {}),
  });
  return new Promise((done, fail) => {
    const settle = (error?: TransportError): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('open', onOpen);
      if (!error) {
        done(socket);
        return;
      }
      socket.on('error', () => undefined);
      socket.terminate();
      fail(error);
    };
    const onOpen = (): void => settle();
    const onError = (error: Error): void => settle(handshakeError(error, flow));
    const onAbort = (): void => settle(new TransportError('closed', describe(flow)));
    signal.addEventListener('abort', onAbort);
    socket.on('error', onError).on('open', onOpen);
  });
}

/** ws names its own faults by text alone. */
function handshakeError(error: Error, flow: Flow): TransportError {
  if (error.message.includes('timed out')) return new TransportError('timeout', describe(flow), error);
  return transportError(error, describe(flow));
}

/** A listen point bound to one address sends from it; from loopback only to loopback. */
function sourceAddress(flow: Flow): { localAddress?: string } {
  const { host } = flow.local;
  return isIP(host) === 0 || host.startsWith('127.') || host === '::1' ? {} : { localAddress: host };
}

function tlsClient(flow: Flow, tls: TlsOptions | undefined): Record<string, unknown> {
  const { serverName, remote } = flow;
  const name = serverName ?? (isIP(remote.host) === 0 ? remote.host : undefined);
  return {
    rejectUnauthorized: tls?.verify ?? true,
    minVersion: 'TLSv1.2',
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(name === undefined ? {} : { servername: name }),
  };
}
