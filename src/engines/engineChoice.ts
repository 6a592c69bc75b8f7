/** What --engine takes: the name of one engine, or 'auto' for the fastest that works here. */
export const engineChoices = ['auto', 'tensorflow', 'wasm'] as const;
/** One of them. */
export type EngineChoice = (typeof engineChoices)[number];
