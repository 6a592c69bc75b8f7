/** Scripts that complete a command line in a shell, made from what its commands declare. */
import type { Argument, Command, Option } from 'commander';

/** A command, and what can follow it. */
interface Completed {
  /** How it is called behind the program's name, such as "data info"; empty for the program itself. */
  readonly path: string;
  readonly subcommands: readonly Command[];
  readonly options: readonly Option[];
  readonly argument: Argument | undefined;
}

/** A command and all that are below it. */
function completedOf(command: Command, path = ''): Completed[] {
  const { commands } = command;
  const options = command.createHelp().visibleOptions(command);
  const below = commands.flatMap((each) => completedOf(each, `${path} ${each.name()}`.trim()));
  const own = { path, subcommands: commands, options, argument: command.registeredArguments[0] };
  return [own, ...below];
}

/** A flag with its value begun, where it has to have one. */
const flagWord = ({ long, required }: Option) => (required ? `${long}=` : `${long}`);

/** The first sentence or part of a help text, on one line. */
const summaryOf = (help: string) => help.split(/[:;(]| {2}/, 1)[0]!.trim();

/** What a shell takes literally. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Lines of a script, indented by so many spaces. */
const indented = (lines: readonly string[], by: number) =>
  lines.map((line) => `${' '.repeat(by)}${line}`).join('\n');

/** Branches of a `case` in bash and zsh that make words of a command line one command. */
function commandBranch(completed: readonly Completed[]): string {
  const patterns = completed.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `${patterns.join('|')}) command=$next ;;`;
}

/** What the words of a bash command line complete to. */
function bashScript(name: string, completed: readonly Completed[]): string {
  const words = completed.map(({ path, subcommands, options, argument }) => {
    const own = argument?.argChoices ?? subcommands.map((each) => each.name());
    return `${quoted(path)}) words=${quoted([...own, ...options.map(flagWord)].join(' '))} ;;`;
  });
  const takeFiles = completed
    .filter(({ argument }) => argument !== undefined && argument.argChoices === undefined)
    .map(({ path }) => `${quoted(path)}) [[ $current == -* ]] || words= ;;`);
  const values = completed.flatMap(({ path, options }) =>
    options
      .filter(({ argChoices }) => argChoices !== undefined)
      .map(({ long, argChoices }) => {
        return `${quoted(`${path} ${long}`)}) words=${quoted(argChoices!.join(' '))} ;;`;
      }),
  );
  return `# Completion for bash: source <(${name} completion bash)
_${name}() {
  local line=\${COMP_LINE:0:COMP_POINT} command= next= words= before=
  local current=\${line##*[[:blank:]]} word
  for word in \${line%"$current"}; do
    next=\${command:+$command }$word
    case $next in
      ${commandBranch(completed)}
    esac
  done
  case $command in
${indented(words, 4)}
  esac
  case $command in
${indented(takeFiles, 4)}
  esac
  if [[ $current == --*=* ]]; then
    words=
    case "$command \${current%%=*}" in
${indented(values, 6)}
    esac
    # Bash takes the equals sign for the end of a word, unless it is told otherwise.
    [[ $COMP_WORDBREAKS == *=* ]] || before=\${current%%=*}=
    current=\${current#*=}
  fi
  COMPREPLY=($(compgen -P "$before" -W "$words" -- "$current"))
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == --*= ]]; then compopt -o nospace; fi
}
complete -o default -F _${name} ${name}
`;
}

/** A flag as zsh's _arguments takes it. */
function zshFlag({ long, required, optional, description, argChoices }: Option): string {
  const help = summaryOf(description).replace(/[[\]\\:]/g, '\\$&');
  const action = argChoices === undefined ? '_files' : `(${argChoices.join(' ')})`;
  const value = required ? `=[${help}]:value:${action}` : `[${help}]`;
  return quoted(optional ? `${long}=-[${help}]::value:${action}` : `${long}${value}`);
}

/** As a function that zsh loads from its path, or by source. */
function zshScript(name: string, completed: readonly Completed[]): string {
  const branches = completed.map(({ path, subcommands, options, argument }) => {
    const flags = options.map(zshFlag);
    const choices = argument?.argChoices ?? [];
    const named = subcommands.map((each) =>
      quoted(`${each.name()}:${summaryOf(each.description())}`),
    );
    const words =
      argument === undefined
        ? []
        : [choices.length > 0 ? quoted(`1:name:(${choices.join(' ')})`) : quoted('*:file:_files')];
    const describe = named.length === 0 ? [] : [`commands=(${named.join(' ')})`];
    return [
      `${quoted(path)})`,
      ...describe.map((line) => `  ${line}`),
      ...(named.length === 0 ? [] : ['  [[ $PREFIX == -* ]] || _describe command commands']),
      `  _arguments ${[...flags, ...words].join(' ')}`,
      '  ;;',
    ].join('\n    ');
  });
  return `#compdef ${name}
# Completion for zsh: ${name} completion zsh > a folder of $fpath/_${name}
_${name}() {
  local command= next= word
  local -a commands
  local -i depth=0 count=0
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next=\${command:+$command }$word count+=1
    case $next in
      ${commandBranch(completed)}
    esac
    [[ $command == $next ]] && depth=count
  done
  # To _arguments, the command is the first word; the last one may be empty.
  words=(${name} "\${(@)words[depth+2,-1]}")
  CURRENT=$((CURRENT - depth))
  case $command in
    ${branches.join('\n    ')}
  esac
}
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

/** As a list of what may follow what. */
function fishScript(name: string, completed: readonly Completed[]): string {
  const lines = completed.flatMap(({ path, subcommands, options, argument }) => {
    const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
    const here = path === '' ? '__fish_use_subcommand' : seen.join('; and ');
    const at = `complete -c ${name} -n ${quoted(here)}`;
    const names = subcommands.map((each) => each.name());
    const before =
      path === '' || names.length === 0
        ? at
        : `complete -c ${name} -n ${quoted(`${here}; and not __fish_seen_subcommand_from ${names.join(' ')}`)}`;
    return [
      ...subcommands.map(
        (each) => `${before} -a ${each.name()} -d ${quoted(summaryOf(each.description()))}`,
      ),
      ...(argument?.argChoices === undefined
        ? argument === undefined
          ? []
          : [`${at} -F`]
        : [`${at} -a ${quoted(argument.argChoices.join(' '))}`]),
      ...options.map(({ long, required, argChoices, description }) => {
        const choices = argChoices === undefined ? '' : ` -a ${quoted(argChoices.join(' '))}`;
        // What need not have a value leaves the next word alone.
        const value = required ? (choices === '' ? ' -r -F' : ` -x${choices}`) : choices;
        return `${at} -l ${long!.slice(2)}${value} -d ${quoted(summaryOf(description))}`;
      }),
    ];
  });
  return `# Completion for fish: ${name} completion fish > ~/.config/fish/completions/${name}.fish
complete -c ${name} -f
${lines.join('\n')}
`;
}

/** The scripts by the name of the shell. */
const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** A shell that command lines can be completed in. */
export type Shell = keyof typeof scripts;
/** All of them. */
export const shells = Object.keys(scripts) as readonly Shell[];

/**
 * The script that completes a program's commands, flags, and the values of flags that have choices.
 *
 * @param program  with all its commands declared
 */
export function completionScript(program: Command, shell: Shell): string {
  return scripts[shell](program.name(), completedOf(program));
}
