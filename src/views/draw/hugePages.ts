/**
 * Keeps the memory of canvases from huge pages: each sheet takes some megabytes anew, and where
 * clearing huge pages is slow, as on many virtual machines, that takes longer than to draw it.
 *
 * The canvas reads it once, when it is loaded. So this is to be imported before it, and by the main
 * thread before there are others: their environment is a copy, which native code does not see.
 */
process.env['MIMALLOC_ALLOW_THP'] ??= '0';
