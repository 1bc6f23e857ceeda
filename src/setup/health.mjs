/** The container's health check: exit status 0 where EARSHOT_HEALTH answers that phones can register. */
const url = process.env.EARSHOT_HEALTH ?? 'http://127.0.0.1:8080/health/ready';
const ready = await fetch(url, { signal: AbortSignal.timeout(4_000) }).then(
  (response) => response.ok,
  () => false,
);
process.exitCode = ready ? 0 : 1;
