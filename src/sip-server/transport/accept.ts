/** Listening for connections: TCP, TLS, WS and WSS servers. */
import { createServer as createHttp } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { boundPoint, formatListenPoint } from './address.ts';
import { TransportError, transportError } from './errors.ts';
import type { TransportLimits } from './limits.ts';
import type { ListenPoint } from './types.ts';

export interface TlsOptions {
  /** PEM */
  readonly cert: string;
  readonly key: string;
  /** Whom to trust when connecting, PEM; the system's authorities by default. */
  readonly ca?: string;
  /** Default true: a server we connect to by TLS must prove its name. */
  readonly verify?: boolean;
}

export interface AcceptHandlers {
  /** Whether one more connection from that address may be; asked before any handshake. */
  admit(socket: Socket): boolean;
  onStream(socket: Socket, point: ListenPoint): void;
  onWebSocket(socket: WebSocket, tcp: Socket, point: ListenPoint): void;
}

export interface Acceptor {
  /** With the port really bound. */
  readonly point: ListenPoint;
  /** No new connections; those that are open are cut. */
  close(): Promise<void>;
}

/** The WebSocket subprotocol (RFC 7118 section 4). */
export const SUBPROTOCOL = 'sip';

/** Rejects with TransportError. */
export async function listen(
  wanted: ListenPoint,
  tls: TlsOptions | undefined,
  handlers: AcceptHandlers,
  limits: TransportLimits,
): Promise<Acceptor> {
  const open = new Set<Socket>();
  const server = createServer(wanted, tls, limits);
  const admit = (socket: Socket): void => {
    if (!handlers.admit(socket)) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  };
  server.maxConnections = limits.maxConnections;
  server.on('connection', admit);
  await new Promise<void>((done, fail) => {
    const onError = (error: Error): void => fail(transportError(error, formatListenPoint(wanted)));
    server.once('error', onError);
    server.listen({ host: wanted.host, port: wanted.port }, () => {
      server.off('error', onError);
      done();
    });
  });
  server.on('error', () => undefined); // of accepting one connection (out of descriptors): the next may succeed
  const address = server.address();
  const point = typeof address === 'object' && address ? boundPoint(wanted, address) : wanted;
  if (wanted.protocol === 'tcp')
    server.on('connection', (socket: Socket) => !socket.destroyed && handlers.onStream(socket, point));
  if (wanted.protocol === 'tls') server.on('secureConnection', (socket: Socket) => handlers.onStream(socket, point));
  if (wanted.protocol === 'ws' || wanted.protocol === 'wss') acceptWebSockets(server, point, handlers, limits);
  return {
    point,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of open) socket.destroy();
      }),
  };
}

function createServer(point: ListenPoint, tls: TlsOptions | undefined, limits: TransportLimits): Server {
  const handshakeTimeout = limits.handshakeSeconds * 1000;
  switch (point.protocol) {
    case 'tcp':
      return createTcp();
    case 'ws':
      return createHttp({ headersTimeout: handshakeTimeout, requestTimeout: handshakeTimeout }, upgradeRequired);
    case 'tls':
    case 'wss': {
      if (!tls) throw new TransportError('no_transport', `${point.protocol} needs a certificate and a key`);
      const options = { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' as const, handshakeTimeout };
      return point.protocol === 'tls' ? createTls(options) : createHttps(options, upgradeRequired);
    }
    case 'udp':
      throw new TransportError('no_transport', 'udp has no connections');
  }
}

function upgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'close' }).end();
}

function acceptWebSockets(server: Server, point: ListenPoint, handlers: AcceptHandlers, limits: TransportLimits): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxMessageBytes,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: () => SUBPROTOCOL,
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (!offersSip(request)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => handlers.onWebSocket(webSocket, socket, point));
  });
}

function offersSip(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim() === SUBPROTOCOL);
}
