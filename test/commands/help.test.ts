import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { commands } from '../../src/commands/commands.ts';

test('each command and subcommand is described by a sentence', async () => {
  const described: string[] = [];
  for (const [name, { description, load }] of Object.entries(commands)) {
    const command = new Command(name).description(description);
    (await load())(command);
    for (const each of [command, ...command.commands]) {
      described.push(each.name());
      assert.match(each.description(), /^[A-Z].*\.$/s, `${name} ${each.name()}`);
    }
  }
  assert.ok(described.includes('doctor'));
});
