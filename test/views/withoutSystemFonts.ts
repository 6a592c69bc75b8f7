/** Imported before anything that draws: pictures must not depend on the fonts of a machine. */
process.env['DISABLE_SYSTEM_FONTS_LOAD'] = '1';
