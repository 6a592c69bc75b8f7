/** Text files are in UTF-8: others are told from them. */
import { isUtf8 } from 'node:buffer';
import { UserError } from '../src/errors.ts';

/**
 * The text of a line.
 *
 * @param line  its number, from 1
 * @throws UserError  when it is not UTF-8: of UTF-16, letters of ASCII have zeros between them
 */
export function utf8Line(path: string, line: number, bytes: Buffer): string {
  if (isUtf8(bytes) && !bytes.includes(0)) {
    const text = bytes.toString();
    return line === 1 ? text.replace(/^\uFEFF/, '') : text;
  }
  throw new UserError(
    `${path}, line ${line}: is not UTF-8; expected text in UTF-8. Convert it with iconv.`,
  );
}
