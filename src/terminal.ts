/** What people read on their terminal, whatever the names in it hold. */

/**
 * Characters that a terminal obeys in place of showing them: control characters, of which one begins the
 * sequences that move the cursor and rename the window, and marks that turn the direction of what follows.
 */
const obeyed = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu;

/** A text on one line that shows what it holds: each such character as its number, `\u001b`, as JSON has it. */
export function printable(text: string): string {
  return text.replace(
    obeyed,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Writes a line to stderr. */
export function tell(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

/** Writes text to stdout: whole lines, or an object as JSON, which stays the same object. */
export function show(text: string): void {
  process.stdout.write(printableLines(text));
}
