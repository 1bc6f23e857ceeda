/** Figures for Prometheus, in a registry of our own. What the other parts count is read when it is asked for. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ControlService } from '../control/service.ts';

/** One figure of another part of the server, read at each scrape. Names end in their unit (Prometheus naming). */
export interface MetricSource {
  readonly name: string;
  readonly help: string;
  /** A counter only rises. */
  readonly type: 'gauge' | 'counter';
  /** Names of the labels of its values; absent: one value without labels. */
  readonly labels?: readonly string[];
  read(): number | readonly LabelledValue[] | Promise<number | readonly LabelledValue[]>;
}

export interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** A request has been answered. `route` is its pattern, not its path. */
  observe(method: string, route: string, status: number, seconds: number): void;
}

export interface MetricsOptions {
  readonly control: ControlService;
  readonly eventClients: () => number;
  readonly sessions: () => number;
  readonly sources: readonly MetricSource[];
  readonly log: (message: string) => void;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const { control } = options;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const duration = new Histogram({
    name: 'earshot_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, event streams aside',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });

  const own: readonly MetricSource[] = [
    gauge('earshot_calls', 'Live calls', () => control.counts().calls),
    gauge('earshot_supervisions', 'Open supervisions', () => control.counts().supervisions),
    counter('earshot_calls_total', 'Calls since the start', () => control.counts().callsTotal),
    counter('earshot_supervisions_total', 'Supervisions since the start', () => control.counts().supervisionsTotal),
    gauge('earshot_event_clients', 'Open event streams', options.eventClients),
    gauge('earshot_sessions', 'Sessions of browsers', options.sessions),
  ];
  for (const source of [...own, ...options.sources]) register(registry, source, options.log);

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe(method, route, status, seconds) {
      duration.observe({ method, route, status: String(status) }, seconds);
    },
  };
}

function gauge(name: string, help: string, read: () => number): MetricSource {
  return { name, help, type: 'gauge', read };
}

function counter(name: string, help: string, read: () => number): MetricSource {
  return { name, help, type: 'counter', read };
}

/** A source that fails is left out of that scrape; the other figures are still told. */
function register(registry: Registry, source: MetricSource, log: (message: string) => void): void {
  const { name, help, type } = source;
  const values = async (): Promise<readonly LabelledValue[]> => {
    try {
      const value = await source.read();
      return typeof value === 'number' ? [{ labels: {}, value }] : value;
    } catch (error) {
      log(`metric ${name}: ${String(error)}`);
      return [];
    }
  };
  const common = { name, help, labelNames: source.labels ?? [], registers: [registry] };
  const fill = async (metric: Gauge | Counter): Promise<void> => {
    const list = await values();
    metric.reset();
    // A reset leaves a zero where there are no labels; nothing is told rather than a wrong zero.
    if (list.length === 0) metric.remove({});
    for (const { labels, value } of list) metric.inc(labels, value);
  };
  const metric: Gauge | Counter =
    type === 'gauge'
      ? new Gauge({ ...common, collect: () => fill(metric) })
      : new Counter({ ...common, collect: () => fill(metric) });
}
