/** Figures of the parts, in the shape that /metrics wants. */
import type { MediaEngine } from '../media/engine.ts';
import type { MetricSource } from './api/index.ts';
import type { SipServer } from './sip-server/index.ts';
import type { Store } from './store/index.ts';

export function sipMetrics(server: SipServer | null): MetricSource[] {
  if (server === null) return [];
  const gauge = (name: string, help: string, read: () => number): MetricSource => ({ name, help, type: 'gauge', read });
  return [
    gauge('earshot_sip_transactions', 'SIP transactions going on', () => server.counts().transactions),
    gauge('earshot_sip_dialogs', 'SIP dialogs', () => server.counts().dialogs),
    gauge(
      'earshot_sip_connections',
      'Open TCP, TLS and WebSocket connections of phones',
      () => server.counts().connections,
    ),
    gauge('earshot_sip_control_clients', 'Connected applications', () => server.counts().clients),
  ];
}

/** What every media engine can tell. */
export function mediaMetrics(engine: MediaEngine): MetricSource[] {
  const { name } = engine;
  return [
    {
      name: 'earshot_webrtc_available',
      help: 'Whether WebRTC legs are served',
      type: 'gauge',
      labels: ['engine'],
      read: () => [{ labels: { engine: name }, value: engine.webrtc.available ? 1 : 0 }],
    },
  ];
}

/** What one media thread has done since its start. */
export interface ThreadFigures {
  readonly bridges: number;
  readonly legs: number;
  readonly ticks: number;
  readonly lateTicks: number;
  readonly skippedTicks: number;
  readonly sendErrors: number;
  readonly cpuMicros: number;
}

/** Figures of the embedded media threads, one series a thread. */
export function threadMetrics(stats: () => Promise<readonly ThreadFigures[]>): MetricSource[] {
  const per = (
    type: 'gauge' | 'counter',
    name: string,
    help: string,
    pick: (figures: ThreadFigures) => number,
  ): MetricSource => ({
    name,
    help,
    type,
    labels: ['thread'],
    read: async () =>
      (await stats()).map((figures, index) => ({ labels: { thread: String(index) }, value: pick(figures) })),
  });
  return [
    per('gauge', 'earshot_media_calls', 'Calls of a media thread', (f) => f.bridges),
    per('gauge', 'earshot_media_legs', 'Legs of a media thread', (f) => f.legs),
    per('counter', 'earshot_media_frames_total', 'Mixing steps, of which a frame has up to four', (f) => f.ticks),
    per('counter', 'earshot_media_late_frames_total', 'Mixing steps more than half a frame late', (f) => f.lateTicks),
    per('counter', 'earshot_media_skipped_frames_total', 'Mixing steps left out', (f) => f.skippedTicks),
    per('counter', 'earshot_media_send_errors_total', 'Packets that could not be sent', (f) => f.sendErrors),
    per('counter', 'earshot_media_cpu_seconds_total', 'CPU time of a media thread', (f) => f.cpuMicros / 1e6),
  ];
}

/** The pool of FreeSWITCH servers, one series a server. */
export function poolMetrics(
  servers: () => readonly { readonly name: string; readonly up: boolean; readonly calls: number }[],
): MetricSource[] {
  const per = (
    name: string,
    help: string,
    pick: (server: ReturnType<typeof servers>[number]) => number,
  ): MetricSource => ({
    name,
    help,
    type: 'gauge',
    labels: ['server'],
    read: () => servers().map((server) => ({ labels: { server: server.name }, value: pick(server) })),
  });
  return [
    per('earshot_freeswitch_up', 'Whether a FreeSWITCH of the pool is connected', (s) => (s.up ? 1 : 0)),
    per('earshot_freeswitch_calls', 'Calls pinned to a FreeSWITCH of the pool', (s) => s.calls),
  ];
}

export function storeMetrics(store: Store): MetricSource[] {
  return [
    {
      name: 'earshot_store_records_total',
      help: 'Records of timeline, audit and history on disk since the start',
      type: 'counter',
      read: () => store.status.written,
    },
    {
      name: 'earshot_store_waiting_records',
      help: 'Records that wait for the disk',
      type: 'gauge',
      read: () => store.status.waiting,
    },
  ];
}
