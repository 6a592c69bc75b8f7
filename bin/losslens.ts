#!/usr/bin/env node
/** The command line: declares the commands, and turns errors into one line and an exit code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import {
  expectNoMoreWords,
  expectUtf8,
  expectUtf8Folder,
  normalizeArguments,
} from '../src/commands/commandLine.ts';
import { commands } from '../src/commands/commands.ts';
import { outliveReaders } from '../src/console/lostReaders.ts';
import { UsageError, UserError } from '../src/errors.ts';
import { packageRoot } from '../src/packageRoot.ts';
import { tell } from '../src/terminal.ts';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('losslens')
  .description(
    'Trains image classifiers in the style of TF-Slim and shows in TensorBoard, while the network ' +
      'trains, which data items and which image areas make training hard.',
  )
  .version(version)
  .option('--debug', 'print stack traces of errors')
  // What is too much is named, which commander does not.
  .exitOverride()
  .configureOutput({ outputError: () => {} })
  .allowExcessArguments()
  .hook('preAction', (_, command) => expectNoMoreWords(command, usageOf(command)));
const args = process.argv.slice(2).filter((argument) => argument !== '--debug');
const called = args.find((argument) => argument !== 'help' && !argument.startsWith('-'));
for (const [name, { description, load }] of Object.entries(commands)) {
  const command = program.command(name).description(description);
  // A script for completion is made of them all.
  if (name === called || called === 'completion') (await load())(command);
}

/** How a command is called, such as "losslens data info". */
function usageOf(command: Command): string {
  return command.parent === null ? command.name() : `${usageOf(command.parent)} ${command.name()}`;
}

/** The command that the arguments name, as far as they do. */
function commandOf(args: readonly string[]): Command {
  let command: Command = program;
  for (const argument of args) {
    if (argument.startsWith('-')) continue;
    const next = command.commands.find((candidate) => candidate.name() === argument);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

/** @throws UsageError  when `losslens help WORD` names no command */
function expectKnownCommand(words: readonly string[]): void {
  const within = commandOf(words);
  const word = words.find((each) => !each.startsWith('-'));
  if (word === undefined || within !== program) return;
  throw new UsageError(
    `help: there is no command "${word}"; expected one of ${Object.keys(commands).join(', ')}.`,
  );
}

outliveReaders();
const command = commandOf(args);
const debug = process.argv.includes('--debug');
try {
  // Where it is gone no thread starts, and who waits for one waits for ever.
  const folder = process.cwd();
  if (args[0] === 'help') expectKnownCommand(args.slice(1));
  const isGroup = command.commands.length > 0;
  const usage = isGroup ? undefined : usageOf(command);
  const normalized = normalizeArguments(args, command.options, usage);
  expectUtf8Folder(folder);
  expectUtf8(normalized);
  await program.parseAsync(normalized, { from: 'user' });
} catch (error) {
  process.exitCode = reportError(error);
}

/** What to do about an error of the system that can come from anywhere, as the end of its sentence. */
function remedyOf({ code, syscall }: NodeJS.ErrnoException): string {
  if (code === 'EMFILE') return '; allow the process more of them: ulimit -n 1024';
  if (code === 'ERR_WORKER_INIT_FAILED') {
    return ': the system gives no further thread; allow the user or the container more of them (ulimit -u, a limit of pids)';
  }
  if (syscall !== 'uv_cwd') return '';
  return ': the folder that it was started in is gone; change to another one, and start it again';
}

/** Prints an error for people. @returns the exit code that it stands for */
function reportError(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    const isOfCommand = error.code === 'commander.missingArgument';
    const where = isOfCommand ? usageOf(command).replace(' ', ': ') : 'losslens';
    if (error.code !== 'commander.help') tell(`${where}: ${message}`);
    return 2;
  }
  if (debug || !(error instanceof Error)) console.error(error);
  else tell(`losslens: ${error.message}${remedyOf(error)}`);
  return error instanceof UserError ? error.exitCode : 1;
}
