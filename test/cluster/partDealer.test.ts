import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PartPlace } from '../../src/cluster/letters.ts';
import { PartDealer } from '../../src/cluster/partDealer.ts';

const workers = 3;

/** An epoch whose parts the workers do at once, but for those that are not there. */
class Epoch {
  readonly dealer = new PartDealer(workers);
  readonly #done: string[] = [];
  readonly #end: number;
  #present = [0, 1, 2];
  readonly #dealt = new Map<number, PartPlace[]>();

  constructor(steps: number) {
    this.#end = steps;
    this.dealer.begin(0, steps);
  }

  lose(worker: number): void {
    this.#present = this.#present.filter((other) => other !== worker);
    this.#dealt.delete(worker);
    this.dealer.lose(worker);
    this.#deal();
  }

  admit(worker: number): number {
    this.#present.push(worker);
    return this.dealer.admit(worker);
  }

  #deal(): void {
    const isDone = (step: number, share: number) => this.#done.includes(`${share} of ${step}`);
    for (const [worker, places] of this.dealer.deal(this.#present, isDone)) {
      assert.ok(this.#present.includes(worker));
      this.#dealt.set(worker, [...(this.#dealt.get(worker) ?? []), ...places]);
    }
  }

  #do(step: number, share: number): void {
    this.#done.push(`${share} of ${step}`);
  }

  /** A worker does what was dealt to it. */
  doDealt(worker: number): void {
    for (const { step, share } of this.#dealt.get(worker) ?? []) this.#do(step, share);
    this.#dealt.delete(worker);
  }

  /** All do their own shares of a step, and what was dealt to them. */
  next(): void {
    const step = this.dealer.step + 1;
    for (const worker of this.#present) {
      this.doDealt(worker);
      if (this.dealer.workerOf({ step, share: worker }) === worker) this.#do(step, worker);
    }
    this.dealer.advance(step);
    this.#deal();
  }

  /** Goes on to the end: each part was done, and none twice. */
  finish(): void {
    while (this.dealer.step < this.#end) this.next();
    const all = Array.from({ length: this.#end }, (_, i) => i + 1).flatMap((step) =>
      Array.from({ length: workers }, (_, share) => `${share} of ${step}`),
    );
    assert.deepEqual([...this.#done].sort(), all.sort());
  }
}

test('the parts of a worker that is lost are done by the others, each once', () => {
  const epoch = new Epoch(60);
  for (let step = 0; step < 7; step++) epoch.next();
  epoch.lose(2);
  epoch.finish();
});

test('the chief alone does all in the end', () => {
  const epoch = new Epoch(40);
  epoch.next();
  epoch.lose(1);
  epoch.next();
  epoch.lose(2);
  epoch.finish();
});

test('what was dealt to one that is lost, too, is dealt anew', () => {
  const epoch = new Epoch(30);
  epoch.lose(1);
  epoch.lose(2);
  epoch.admit(2);
  epoch.next();
  epoch.lose(2);
  epoch.finish();
});

test('one that comes back does its share again some steps later, or in the next epoch', () => {
  const epoch = new Epoch(100);
  epoch.lose(1);
  for (let step = 0; step < 10; step++) epoch.next();
  const first = epoch.admit(1) + 1;
  assert.ok(first > 10 && first < 100);
  assert.equal(epoch.dealer.workerOf({ step: first, share: 1 }), 1);
  assert.notEqual(epoch.dealer.workerOf({ step: first - 1, share: 1 }), 1);
  epoch.finish();
  epoch.lose(1);
  assert.equal(epoch.admit(1), 100);
  epoch.dealer.begin(100, 200);
  assert.equal(epoch.dealer.workerOf({ step: 101, share: 1 }), 1);
});
