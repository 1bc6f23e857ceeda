/** The server's part of the top Via: RFC 3261 18.2.1 and 18.2.2, RFC 3581. */
import {
  SipParseError,
  formatVia,
  hasParam,
  headerValues,
  parseVia,
  parseViaSentBy,
  withFirstValue,
  withParam,
} from '../message/index.ts';
import type { SipMessage, Via } from '../message/index.ts';
import { DEFAULT_PORT, plainAddress } from './address.ts';
import type { Flow } from './types.ts';

/**
 * The request with `received` where its source is not sent-by, and `rport` filled in where it asks for it. Unchanged
 * where the top Via cannot be read.
 */
export function withReceived<M extends SipMessage>(request: M, flow: Flow): M {
  const via = topVia(request, parseVia);
  if (via === undefined) return request;
  let { params } = via;
  const asked = hasParam(params, 'rport');
  const { host, port } = flow.remote;
  if (asked) params = withParam(params, 'rport', String(port));
  // RFC 3581 section 4: with rport, received is there even if it says nothing new
  if (asked || plainAddress(via.host) !== host) params = withParam(params, 'received', host);
  return params === via.params ? request : withFirstValue(request, 'Via', formatVia({ ...via, params }));
}

/**
 * Where the response to a request that came by `flow` goes. Over a connection: back on it. Over UDP: to the source
 * address, at the source port if rport was asked for, else at the port of sent-by. `maddr` is not followed.
 */
export function responseFlow(request: SipMessage, flow: Flow): Flow {
  if (flow.connection !== undefined) return flow;
  const via = topVia(request, parseVia) ?? topVia(request, parseViaSentBy);
  if (via === undefined || hasParam(via.params, 'rport')) return flow;
  return { ...flow, remote: { host: flow.remote.host, port: via.port ?? DEFAULT_PORT[flow.protocol] } };
}

function topVia(message: SipMessage, read: (text: string) => Via): Via | undefined {
  const top = headerValues(message, 'via')[0];
  if (top === undefined) return undefined;
  try {
    return read(top);
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}
