/** Which files are images, by their names. */
import { extname } from 'node:path';

/** Endings of the names of files that can be decoded, in lower case. */
export const imageExtensions: readonly string[] =
  'png jpg jpeg jfif webp gif bmp tif tiff avif'.split(' ');

/** Whether a file has the name of an image that can be decoded. */
export function isImageFile(name: string): boolean {
  return imageExtensions.includes(extname(name).slice(1).toLowerCase());
}
