/** Text files are in UTF-8: others are told from them. */
import { isUtf8 } from 'node:buffer';
import { UserError } from '../src/errors.ts';

/**
 * The text of a line.
 *
 * @param line  its number, from 1
 * @throws UserError  when it is not UTF-8, or holds a NUL byte, as letters of ASCII in UTF-16 do
 */
export function utf8Line(path: string, line: number, bytes: Buffer): string {
  const where = `${path}, line ${line}`;
  if (!isUtf8(bytes)) {
    throw new UserError(`${where}: is not UTF-8; expected text in UTF-8. Convert it with iconv.`);
  }
  if (bytes.includes(0)) {
    throw new UserError(
      `${where}: holds a NUL byte; expected text in UTF-8. Remove it, or convert the file with iconv if it is UTF-16.`,
    );
  }
  const text = bytes.toString();
  return line === 1 ? text.replace(/^\uFEFF/, '') : text;
}
