/** Preloaded into a process (`--import`): what is to come after 15 s or more comes after a fifteenth of that. */
const after = globalThis.setTimeout;
const longMs = 15_000;

globalThis.setTimeout = Object.assign(
  (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    after(callback, ms < longMs ? ms : ms / 15, ...args),
  after,
) as typeof setTimeout;
