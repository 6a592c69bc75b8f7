import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockFolder } from '../../src/files/folderLock.ts';
import type { LockTiming } from '../../src/files/lockFile.ts';
import { type Holder, newHolder } from '../../src/files/lockHolder.ts';
import { temporaryFolder } from '../losslens.ts';

const noProc = !existsSync('/proc/self/stat') && 'the system does not say when processes started';

const lockOf = (folder: string) => join(folder, 'losslens.lock');

/** Writes the lock of another process. */
function writeLock(folder: string, holder: Partial<Holder>) {
  writeFileSync(lockOf(folder), JSON.stringify({ ...newHolder(), started: null, ...holder }));
}

const elsewhere = { host: 'elsewhere', system: 'another boot' };
/** As the default, but within a test's time. */
const timing: LockTiming = { heartbeatSeconds: 0.05, staleSeconds: 60, watchSeconds: 0.3 };

function makeOld(path: string, ms = 600_000) {
  const old = new Date(Date.now() - ms);
  utimesSync(path, old, old);
}

/** What is said on stderr from now on. */
function heard(t: TestContext): () => string {
  const { mock } = t.mock.method(process.stderr, 'write', () => true);
  return () => mock.calls.map(({ arguments: [text] }) => String(text)).join('');
}

/** When the kernel says that a process started. */
function startOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]!;
}

/** The number of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('a folder is locked by one at a time, and free again afterwards', async () => {
  const top = temporaryFolder();
  const folder = join(top, 'made', 'new');
  const lock = await lockFolder(folder, '--train_dir');
  await assert.rejects(
    lockFolder(folder, '--train_dir'),
    new RegExp(
      `^UserError: --train_dir: ".*new" is in use by process ${process.pid} on ${hostname()} since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC; expected a folder .* if nothing runs there\\.$`,
    ),
  );
  await lock.release();
  await (await lockFolder(folder, '--train_dir')).release();
  assert.deepEqual(readdirSync(top), []);
});

test('a folder in the place of the lock is named', async () => {
  const folder = temporaryFolder();
  mkdirSync(lockOf(folder));
  await assert.rejects(lockFolder(folder, '--train_dir'), {
    name: 'UserError',
    message: `--train_dir: ${lockOf(folder)}: cannot be read (it is a folder); delete it.`,
  });
});

test('a folder that was there, or that something was put into, stays', async () => {
  const folder = temporaryFolder();
  await (await lockFolder(folder, '--train_dir')).release();
  const used = join(folder, 'used');
  const lock = await lockFolder(used, '--train_dir');
  writeFileSync(join(used, 'model'), '');
  await lock.release();
  assert.deepEqual(readdirSync(used), ['model']);
});

test('the lock of a killed process is taken over, with a line that names it', async (t) => {
  const folder = temporaryFolder();
  const said = heard(t);
  const pid = endedProcess();
  writeLock(folder, { pid, host: 'here', since: '2026-05-04T03:02:01.500Z' });
  const lock = await lockFolder(folder, '--train_dir');
  assert.equal(JSON.parse(readFileSync(lockOf(folder), 'utf8')).pid, process.pid);
  assert.equal(
    said(),
    `--train_dir: "${folder}": took the lock of process ${pid} on here since 2026-05-04 03:02:01 UTC, which runs no more\n`,
  );
  await lock.release();
});

test('a process that got the number of a killed one does not hold its lock', {
  skip: noProc,
}, async (t) => {
  const folder = temporaryFolder();
  const said = heard(t);
  const other = spawn('sleep', ['60']);
  writeLock(folder, { pid: other.pid!, started: startOf(other.pid!) });
  makeOld(lockOf(folder));
  await assert.rejects(
    lockFolder(folder, '--train_dir', timing),
    new RegExp(`in use by process ${other.pid} on .* if nothing runs there\\.$`),
  );
  assert.equal(said(), '');
  writeLock(folder, { pid: other.pid!, started: `${Number(startOf(other.pid!)) - 1}` });
  await (await lockFolder(folder, '--train_dir', timing)).release();
  assert.match(
    said(),
    new RegExp(`took the lock of process ${other.pid} on .*, which runs no more`),
  );
  other.kill('SIGKILL');
});

test('of many that find a stale lock, one gets it', async () => {
  const folder = temporaryFolder();
  writeLock(folder, { pid: endedProcess() });
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, () => lockFolder(folder, '--train_dir')),
  );
  const held = results.filter(({ status }) => status === 'fulfilled');
  assert.equal(held.length, 1);
});

test('another machine’s lock holds as long as it is touched, and is then taken over with a line', async (t) => {
  const folder = temporaryFolder();
  const said = heard(t);
  const pid = endedProcess();
  writeLock(folder, { pid, ...elsewhere, since: '2026-05-04T03:02:01.500Z' });
  const who = `process ${pid} on elsewhere since 2026-05-04 03:02:01 UTC`;
  await assert.rejects(
    lockFolder(folder, '--eval_dir'),
    new RegExp(`in use by ${who}; .*; a lock that nobody touches for 225 s is taken over\\.$`),
  );
  assert.equal(said(), '');
  makeOld(lockOf(folder));
  await (await lockFolder(folder, '--eval_dir', timing)).release();
  assert.deepEqual(said().split('\n'), [
    `${lockOf(folder)}: looks abandoned; watching it for 0.3 s`,
    `--eval_dir: "${folder}": took the lock of ${who}, which touches it no more`,
    '',
  ]);
});

test('the lock of a machine that started anew is taken over at once, and not that of another of its name', {
  skip: noProc,
}, async (t) => {
  const folder = temporaryFolder();
  const said = heard(t);
  const [, namespace] = newHolder().system!.split(' ');
  const before = { pid: process.pid, system: `another-boot ${namespace}` };
  const lockTouched = (holder: Partial<Holder>, msAgo: number) => {
    writeLock(folder, holder);
    makeOld(lockOf(folder), msAgo);
    return lockFolder(folder, '--train_dir', { staleSeconds: Number.POSITIVE_INFINITY });
  };
  const msSinceStart = uptime() * 1000;
  await assert.rejects(lockTouched(before, msSinceStart / 2), /is in use by/);
  await assert.rejects(lockTouched({ ...before, host: 'other' }, 2 * msSinceStart), /is in use by/);
  await (await lockTouched(before, msSinceStart + 60_000)).release();
  assert.match(
    said(),
    /^--train_dir: ".*": took the lock of .*, which ran before this machine started anew\n$/,
  );
});

test('nobody has to wait for the watching of a lock to end', async (t) => {
  const top = temporaryFolder();
  const said = heard(t);
  writeLock(top, elsewhere);
  makeOld(lockOf(top));
  const signal = AbortSignal.abort('SIGINT');
  await assert.rejects(
    lockFolder(top, '--train_dir', { ...timing, watchSeconds: 3600, signal }),
    (reason) => reason === 'SIGINT',
  );
  assert.match(said(), /looks abandoned/);
  assert.deepEqual(readdirSync(top), ['losslens.lock']);
});

test('a lock of an earlier version, which does not say since when, is named without', async () => {
  const folder = temporaryFolder();
  for (const since of [undefined, 'yesterday', '']) {
    writeLock(folder, { ...elsewhere, ...(since === undefined ? {} : { since }) });
    if (since === undefined) {
      const { since, ...holder } = JSON.parse(readFileSync(lockOf(folder), 'utf8'));
      writeFileSync(lockOf(folder), JSON.stringify(holder));
    }
    await assert.rejects(lockFolder(folder, '--train_dir'), /on elsewhere; expected/);
  }
});

test('guards that killed processes left of locks that are gone are deleted, and nothing else', async () => {
  const folder = temporaryFolder();
  const [one, other] = ['0123456789abcdef', 'fedcba9876543210'];
  for (const name of [one, `${one}.${other}`, 'unknown']) {
    writeFileSync(`${lockOf(folder)}.${name}`, JSON.stringify(newHolder()));
  }
  const others = ['losslens.lock.bak', `losslens.lock.${one}.csv`, `old.losslens.lock.${one}`];
  for (const name of others) writeFileSync(join(folder, name), '');
  const lock = await lockFolder(folder, '--train_dir');
  assert.deepEqual(readdirSync(folder).sort(), [...others, 'losslens.lock'].sort());
  // Of a lock that is held somebody may be about to take it over.
  const guard = `${lockOf(folder)}.${JSON.parse(readFileSync(lockOf(folder), 'utf8')).token}`;
  writeFileSync(guard, '');
  await assert.rejects(lockFolder(folder, '--train_dir'), /is in use by/);
  assert.ok(existsSync(guard));
  rmSync(guard);
  await lock.release();
  assert.deepEqual(readdirSync(folder).sort(), others.sort());
});

test('a lock that looks old by a clock that jumped holds when its process still touches it', async () => {
  for (const jump of [-600_000, 600_000]) {
    const folder = temporaryFolder();
    writeLock(folder, elsewhere);
    let time = Date.now() + jump;
    utimesSync(lockOf(folder), new Date(time), new Date(time));
    const heartbeat = setInterval(() => {
      time += 50;
      utimesSync(lockOf(folder), new Date(time), new Date(time));
    }, 50);
    await assert.rejects(
      lockFolder(folder, '--train_dir', timing),
      /in use by process \d+ on elsewhere/,
    );
    clearInterval(heartbeat);
  }
});

test('a lock of another container of the same name is not taken for that of a killed process', async () => {
  const folder = temporaryFolder();
  writeLock(folder, { pid: endedProcess(), system: 'the same boot, another namespace' });
  await assert.rejects(lockFolder(folder, '--train_dir'), /in use by process/);
});

test('a lock is touched while the process computes and hears of nothing', async () => {
  const folder = temporaryFolder();
  const lock = await lockFolder(folder, '--train_dir', timing);
  const taken = statSync(lockOf(folder)).mtimeMs;
  // The thread that touches it takes its time to start.
  while (statSync(lockOf(folder)).mtimeMs === taken) await new Promise((go) => setTimeout(go, 5));
  const before = statSync(lockOf(folder)).mtimeMs;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  const touched = statSync(lockOf(folder)).mtimeMs;
  assert.ok(touched > before + 200, `${touched - before} ms`);
  assert.equal(JSON.parse(readFileSync(lockOf(folder), 'utf8')).pid, process.pid);
  await lock.release();
});

test('a process that was silent for so long that another took its lock leaves that one alone', async () => {
  const folder = temporaryFolder();
  const lock = await lockFolder(folder, '--train_dir', timing);
  await lock.assertHeld();
  rmSync(lockOf(folder));
  const successor = await lockFolder(folder, '--train_dir');
  const content = readFileSync(lockOf(folder), 'utf8');
  await assert.rejects(lock.assertHeld(), /--train_dir: ".*" was taken over by process/);
  await lock.release();
  assert.equal(readFileSync(lockOf(folder), 'utf8'), content);
  await successor.release();
  assert.deepEqual(readdirSync(folder), []);
});

test('a lock goes with its folder, and what is made in its place is left alone', async () => {
  const folder = join(temporaryFolder(), 'locked');
  const lock = await lockFolder(folder, '--train_dir');
  renameSync(folder, `${folder}-moved`);
  await assert.rejects(
    lock.assertHeld(),
    /--train_dir: ".*locked" is gone: it was deleted or moved/,
  );
  mkdirSync(folder);
  await assert.rejects(
    lock.assertHeld(),
    /--train_dir: ".*locked" is another folder now: the one /,
  );
  await lock.release();
  assert.deepEqual(readdirSync(folder), []);
});

test('a lock that somebody deleted is not held any more', async () => {
  const folder = temporaryFolder();
  const lock = await lockFolder(folder, '--train_dir');
  await lock.assertHeld();
  rmSync(lockOf(folder));
  await assert.rejects(lock.assertHeld(), /was taken over by another process, .* lock was deleted/);
  await lock.release();
});

test('a lock that nobody goes on to write was left by a process that ended before', async () => {
  for (const content of ['', '{"pid', '\0\0\0\0']) {
    const folder = temporaryFolder();
    writeFileSync(lockOf(folder), content);
    await (await lockFolder(folder, '--train_dir', timing)).release();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test('a lock that is still to be written holds', async () => {
  const folder = temporaryFolder();
  writeFileSync(lockOf(folder), '');
  const second = lockFolder(folder, '--train_dir', timing);
  writeLock(folder, elsewhere);
  await assert.rejects(second, /is in use by/);
});

test('a lock that says nothing holds until it is old', async () => {
  for (const content of ['null', '{}']) {
    const folder = temporaryFolder();
    writeFileSync(lockOf(folder), content);
    await assert.rejects(lockFolder(folder, '--train_dir'), /is in use by/, content);
    makeOld(lockOf(folder));
    await (await lockFolder(folder, '--train_dir', timing)).release();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test('a stopped process keeps its lock', { skip: noProc }, async () => {
  const folder = temporaryFolder();
  const stopped = spawn('sleep', ['60']);
  stopped.kill('SIGSTOP');
  writeLock(folder, { pid: stopped.pid! });
  makeOld(lockOf(folder));
  await assert.rejects(
    lockFolder(folder, '--train_dir', timing),
    new RegExp(`in use by process ${stopped.pid} on `),
  );
  stopped.kill('SIGKILL');
});

const noTimes =
  spawnSync('unshare', ['-T', '--boottime', '1000', '--fork', 'true']).status !== 0 &&
  'the system has no time namespaces, or they are not for this user';

test('a process for whom the machine started at another time keeps its lock', {
  skip: noTimes,
}, async () => {
  const folder = temporaryFolder();
  const program = `
    import { lockFolder } from ${JSON.stringify(new URL('../../src/files/folderLock.js', import.meta.url).href)};
    await lockFolder(process.argv[1], '--train_dir');
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const node = [process.execPath, '--input-type=module', '-e', program, folder];
  const holder = spawn('unshare', ['-T', '--boottime', '1000', '--fork', '--kill-child', ...node]);
  await once(holder.stdout, 'data');
  await assert.rejects(lockFolder(folder, '--train_dir'), /in use by process \d+ on /);
  holder.kill('SIGKILL');
  await once(holder, 'close');
});

test('who was killed while taking a lock over does not keep others from it', async () => {
  const folder = temporaryFolder();
  const left = { ...newHolder(), pid: endedProcess(), started: null };
  writeFileSync(lockOf(folder), JSON.stringify(left));
  const guard = `${lockOf(folder)}.${left.token}`;
  writeFileSync(guard, JSON.stringify({ ...left, token: 'g' }));
  await (await lockFolder(folder, '--train_dir')).release();
  assert.deepEqual(readdirSync(folder), []);
});

test('of many processes that find a stale lock, one gets it at a time', async () => {
  const folder = temporaryFolder();
  writeLock(folder, { pid: endedProcess() });
  const module = new URL('../../src/files/folderLock.js', import.meta.url).href;
  const program = `
    import { rmdirSync, mkdirSync } from 'node:fs';
    import { lockFolder } from ${JSON.stringify(module)};
    let held = 0;
    for (let i = 0; i < 30; i++) {
      const lock = await lockFolder(process.argv[1], '--train_dir').catch(() => undefined);
      if (lock === undefined) { await new Promise((go) => setTimeout(go, 2)); continue; }
      held++;
      mkdirSync(process.argv[1] + '/alone');
      rmdirSync(process.argv[1] + '/alone');
      if (i % 3 === 0) process.kill(process.pid, 'SIGKILL');
      await lock.release();
    }
    process.exit(held > 0 ? 0 : 3);`;
  const ends = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let errors = '';
      child.stderr.on('data', (text) => {
        errors += text;
      });
      const [code, signal] = await once(child, 'close');
      return { code, signal, errors };
    }),
  );
  for (const { code, signal, errors } of ends) {
    assert.ok(signal === 'SIGKILL' || code === 0 || code === 3, errors);
  }
  assert.ok(ends.some(({ signal }) => signal === 'SIGKILL'));
  await (await lockFolder(folder, '--train_dir')).release();
});

test('a folder that cannot be written to is named with its flag', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await assert.rejects(
    lockFolder(file, '--train_dir'),
    /^UserError: --train_dir: cannot write to ".*file" \(".*file" is a file\); expected a folder of one's own\. Name another folder\.$/,
  );
});
