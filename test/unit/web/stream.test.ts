import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EventLine, type LineState } from '../../../src/web/public/data/stream.ts';
import { until } from '../../support/until.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

interface Bench {
  readonly line: EventLine;
  readonly states: LineState[];
  readonly opens: boolean[];
  readonly events: string[];
  readonly asked: (string | undefined)[];
}

/** A server that answers the attempts one after another, the last answer again and again. */
async function bench(answers: readonly Answer[], silenceMs = 10_000): Promise<Bench> {
  const asked: (string | undefined)[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.headers['last-event-id'] as string | undefined);
    answers[Math.min(asked.length, answers.length) - 1]!(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const states: LineState[] = [];
  const opens: boolean[] = [];
  const events: string[] = [];
  const line = new EventLine({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    onOpen: (resumed) => opens.push(resumed),
    onEvent: ({ type }) => events.push(type),
    onState: (state) => states.push(state),
    waits: [1],
    silenceMs,
  });
  open.push(() => {
    line.close();
    server.close();
    server.closeAllConnections();
  });
  return { line, states, opens, events, asked };
}

const stream = (text: string, end: boolean): Answer => {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(text);
    if (end) response.end();
  };
};
const status = (code: number): Answer => {
  return (_request, response) => {
    response.writeHead(code).end();
  };
};

describe('the line to the events (R-SEE-4)', () => {
  it('reconnects from the last event seen, so that nothing is missed', async () => {
    const { line, states, opens, events, asked } = await bench([
      stream('id: 5\n\nid: 6\nevent: one\ndata: 1\n\n', true),
      stream('id: 7\nevent: two\ndata: 2\n\n', false),
    ]);
    line.open();
    await until('both events', () => events.length === 2);
    expect(events).toEqual(['one', 'two']);
    expect(asked).toEqual([undefined, '6']);
    expect(opens).toEqual([false, true]);
    expect(states).toEqual(['connecting', 'open', 'lost', 'connecting', 'open']);
  });

  it('tries again after a fault of the server, and after a line that has fallen silent', async () => {
    const { line, states, asked } = await bench([status(503), stream('id: 1\n\n', false)], 30);
    line.open();
    await until('three attempts', () => asked.length >= 3);
    expect(states.slice(0, 6)).toEqual(['connecting', 'lost', 'connecting', 'open', 'lost', 'connecting']);
    expect(asked.slice(0, 3)).toEqual([undefined, undefined, '1']);
  });

  it('says that the session is over, and does not try again by itself', async () => {
    const { line, states, asked } = await bench([status(401), stream('', false)]);
    line.open();
    await until('signed out', () => line.state === 'signed-out');
    expect(asked).toHaveLength(1);
    line.open();
    await until('open', () => line.state === 'open');
    expect(states).toEqual(['connecting', 'signed-out', 'connecting', 'open']);
  });

  it('closes for good, twice if need be; reset forgets what was seen', async () => {
    const { line, events, asked } = await bench([stream('id: 9\nevent: one\ndata: 1\n\n', false)]);
    line.open();
    line.open();
    await until('the event', () => events.length === 1);
    line.close();
    line.close();
    expect(line.state).toBe('closed');
    line.open();
    await until('again', () => asked.length === 2);
    line.reset();
    line.open();
    await until('anew', () => asked.length === 3);
    expect(asked).toEqual([undefined, '9', undefined]);
  });
});
