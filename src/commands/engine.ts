/** `losslens engine`: brings libtensorflow, and says what an engine lacks. */
import type { Command } from 'commander';
import { NoEngineError } from '../errors.ts';
import { show, tell } from '../terminal.ts';

interface InstallFlags {
  readonly from?: string;
  readonly cuda: boolean;
  readonly latest: boolean;
  readonly offline: boolean;
}

async function install(flags: InstallFlags): Promise<void> {
  const { downloading } = await import('./downloading.ts');
  const { engineFolder } = await import('../engines/home.ts');
  const { installEngine } = await import('../engines/install.ts');
  await downloading('engine install', async (signal) => {
    const { name } = await installEngine({ ...flags, report: tell, signal });
    show(`Installed ${name} in ${engineFolder()}\n`);
    if (flags.cuda) {
      show('\n');
      await doctor();
    }
  });
}

async function doctor(): Promise<void> {
  const { diagnose } = await import('../engines/doctor.ts');
  const { findings, problems, isUsable } = await diagnose();
  const width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, value } of findings) {
    show(`${what.padEnd(width)}  ${value}\n`);
  }
  for (const { problem, fix } of problems) {
    show(`\nProblem: ${problem}\n    Fix: ${fix}\n`);
  }
  if (problems.length === 0) show('\nNo problem found.\n');
  if (!isUsable)
    throw new NoEngineError('engine doctor: no engine runs on this machine; see above');
}

/** Declares the subcommands `install` and `doctor` of `losslens engine`. */
export function declareEngine(command: Command): void {
  command
    .command('install')
    .description(
      "Install libtensorflow into $LOSSLENS_HOME (by default in the user's data folder); " +
        'can be repeated, and changes nothing unless it succeeds.',
    )
    .option(
      '--from <source>',
      "pypi: TensorFlow's Python wheel; official: the download of tfjs-node-gpu (TensorFlow 2.9.1); " +
        'or the folder of a pip-installed TensorFlow or an unpacked libtensorflow ' +
        '(default: pypi, then official)',
    )
    .option('--cuda', "the GPU build, with NVIDIA's libraries (Linux; pypi only)", false)
    .option(
      '--latest',
      "PyPI's newest versions, instead of those that were tried (pypi only)",
      false,
    )
    .option(
      '--offline',
      "without the network: needs --from=DIR, and the package tfjs-node-gpu in npm's cache",
      false,
    )
    .action(install);
  command
    .command('doctor')
    .description('Say which engine runs here and why, and how to mend what is wrong.')
    .action(doctor);
}
