/**
 * Keeps the memory of canvases from huge pages. Each sheet takes some megabytes anew; where clearing
 * huge pages is slow, as on many virtual machines, that takes longer than to draw and compress it.
 * Read once, when the canvas is loaded: to be imported before it, where the environment is that of
 * the process.
 */
process.env['MIMALLOC_ALLOW_THP'] ??= '0';
