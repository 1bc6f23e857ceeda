/** The words of the control protocol, server to client: which token stands where. */
import { randomUUID } from 'node:crypto';
import { formatHostPort } from '../message/uri.ts';
import type { Flow, Protocol } from '../transport/types.ts';

export const VERSION = 'v0.9.10';

/** UTC, `HH:MM:SS.uuuuuu`. */
export function clockTime(at: number): string {
  const day = at % 86_400_000;
  const ms = Math.floor(day);
  const two = (n: number): string => (n < 10 ? `0${n}` : String(n));
  const micros = String(Math.floor((day - ms) * 1000) + (ms % 1000) * 1000).padStart(6, '0');
  return `${two(Math.floor(ms / 3_600_000))}:${two(Math.floor(ms / 60_000) % 60)}:${two(Math.floor(ms / 1000) % 60)}.${micros}`;
}

/** ws and wss are told as tcp: the client knows no more. */
export function wireProtocol(protocol: Protocol): 'udp' | 'tcp' | 'tls' {
  return protocol === 'ws' || protocol === 'wss' ? 'tcp' : protocol;
}

/** An IPv6 address in brackets: the client makes URIs of it. */
function address(host: string): string {
  return formatHostPort(host, undefined);
}

/** What is told of a message besides itself. `flow` undefined: it was made here (408, 503). */
export interface Meta {
  readonly source: 'network' | 'application';
  readonly bytes: number;
  readonly flow: Flow | undefined;
  readonly at: number;
  readonly transaction: string;
  readonly dialog: string;
  /** The protocol field stays empty (ACK). */
  readonly hideProtocol?: boolean;
  /** Tell on which of our addresses it came: new requests. */
  readonly local?: boolean;
  /** For a message made here: the protocol that would have been used. */
  readonly protocol?: string;
}

function place(meta: Meta): string {
  const { flow } = meta;
  if (flow === undefined) return `${meta.protocol ?? 'udp'}||0`;
  const protocol = meta.hideProtocol === true ? '' : wireProtocol(flow.protocol);
  return `${protocol}|${address(flow.remote.host)}|${flow.remote.port}`;
}

/** Head of a `sip` message. */
export function sipHead(meta: Meta): string {
  const local = meta.local === true && meta.flow ? `${address(meta.flow.local.host)}|${meta.flow.local.port}|` : '';
  return (
    `${randomUUID()}|sip|${meta.source}|${meta.bytes}|${place(meta)}|${clockTime(meta.at)}` +
    `|${meta.transaction}|${meta.dialog}|${local}\r\n`
  );
}

/** Head of a plain `response`: `OK`, `OK|pong`, `NOK|text`, `NO|text`. */
export function replyHead(to: string, text: string): string {
  return `${randomUUID()}|response|${to}|${text}`;
}

/** Head of the echo of a request that was sent. UDP tells our own address, a connection the peer's. */
export function requestSentHead(to: string, bytes: number, flow: Flow, at: number, transaction: string): string {
  const end = flow.protocol === 'udp' ? flow.local : flow.remote;
  return (
    `${randomUUID()}|response|${to}|OK|application|${bytes}|${wireProtocol(flow.protocol)}` +
    `|${address(end.host)}|${end.port}|${clockTime(at)}|${transaction}|Msg sent:|\r\n`
  );
}

/** Head of the echo of a request that could not be sent, because its host has no address. */
export function requestUnsentHead(to: string, at: number, transaction: string): string {
  return `${randomUUID()}|response|${to}|OK|application|0|unknown||0|${clockTime(at)}|${transaction}|Msg sent:|\r\n`;
}

/** Head of the echo of a response that was sent; `invite`: only then is the protocol told. */
export function responseSentHead(
  to: string,
  sent: { bytes: number; flow: Flow; at: number; transaction: string; dialog: string; invite: boolean },
): string {
  const { flow } = sent;
  const protocol = sent.invite ? wireProtocol(flow.protocol) : '';
  return (
    `${randomUUID()}|response|${to}|OK|application|${sent.bytes}|${protocol}|${address(flow.remote.host)}` +
    `|${flow.remote.port}|${clockTime(sent.at)}|${sent.transaction}|${sent.dialog}||Msg sent:|\r\n`
  );
}

/** Head of one final response reported by a proxy. */
export function proxyResponseHead(to: string, bytes: number, flow: Flow, at: number): string {
  return (
    `${randomUUID()}|response|${to}|OK|network|${bytes}|${wireProtocol(flow.protocol)}|${address(flow.remote.host)}` +
    `|${flow.remote.port}|${clockTime(at)}|||continue\r\n`
  );
}

export type CdrReason =
  | 'call-rejected'
  | 'call-canceled'
  | 'normal-release'
  | 'session-expired'
  | 'system-initiated-termination'
  | 'system-error-initiated-termination';

export type CdrRole = 'uac' | 'uas' | 'proxy-uac' | 'proxy-uas';

export function cdrHead(kind: string, source: 'network' | 'application', at: number, detail?: string): string {
  const last = detail === undefined ? '' : `|${detail}`;
  return `${randomUUID()}|cdr:${kind}|${source}|${clockTime(at)}${last}\r\n`;
}
